//! What a parsed file names, defines and calls, gathered in one walk.
//!
//! The walk also looks into the arguments of macros, as plain tokens: a rule must not be evaded by `info!(...)`.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, File, FnArg, Ident, ItemUse, Macro, Path, Safety, Signature, Type, UseTree};

use super::rust::line_of;

/// Something with a place.
pub(crate) struct At<T> {
    pub(crate) line: usize,
    pub(crate) what: T,
}

/// A function with a body.
pub(crate) struct Function {
    pub(crate) name: String,
    /// From the signature to the closing brace.
    pub(crate) line_count: usize,
    pub(crate) bool_parameters: usize,
}

/// What is in a file.
#[derive(Default)]
pub(crate) struct Survey {
    /// Every path that is named, segment by segment, `use` trees spread out.
    pub(crate) paths: Vec<At<Vec<String>>>,
    /// Every name that is given: types, functions, modules, fields, variants, constants.
    pub(crate) definitions: Vec<At<String>>,
    pub(crate) functions: Vec<At<Function>>,
    /// Methods and macros that are called; a macro with its `!`.
    pub(crate) calls: Vec<At<String>>,
    /// Where `unsafe` stands.
    pub(crate) unsafe_lines: Vec<usize>,
}

/// Walks through a file.
pub(crate) fn survey(syntax: &File) -> Survey {
    let mut survey = Survey::default();
    survey.visit_file(syntax);
    survey
}

impl Survey {
    fn define(&mut self, name: &Ident) {
        self.definitions.push(At { line: line_of(name), what: name.to_string() });
    }

    fn function(&mut self, signature: &Signature, body: &Block) {
        let (first, last) = (line_of(signature), body.span().end().line);
        let is_bool = |input: &&FnArg| matches!(input, FnArg::Typed(input) if is_bool(&input.ty));
        let function = Function {
            name: signature.ident.to_string(),
            line_count: last - first + 1,
            bool_parameters: signature.inputs.iter().filter(is_bool).count(),
        };
        self.functions.push(At { line: first, what: function });
    }

    fn spread(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.spread(&path.tree, before);
                before.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.spread(tree, before)),
            UseTree::Name(name) => self.used(before, &name.ident),
            UseTree::Rename(rename) => self.used(before, &rename.ident),
            UseTree::Glob(star) => self.paths.push(At { line: line_of(star), what: before.clone() }),
        }
    }

    fn used(&mut self, before: &[String], last: &Ident) {
        let what = before.iter().cloned().chain([last.to_string()]).collect();
        self.paths.push(At { line: line_of(last), what });
    }

    /// Paths, calls and `unsafe` among the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut before = String::new();
        for token in tokens {
            match &token {
                TokenTree::Ident(name) => {
                    let name = name.to_string();
                    match before.as_str() {
                        "::" => path.push(name.clone()),
                        "." => self.calls.push(At { line: line_of(&token), what: name.clone() }),
                        _ => path = vec![name.clone()],
                    }
                    if name == "unsafe" {
                        self.unsafe_lines.push(line_of(&token));
                    }
                    self.paths.push(At { line: line_of(&token), what: path.clone() });
                    before = name;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' && before == ":" => before = "::".to_owned(),
                TokenTree::Punct(mark) => {
                    if mark.as_char() == '!' && !before.is_empty() {
                        self.calls.push(At { line: line_of(&token), what: format!("{before}!") });
                    }
                    before = mark.as_char().to_string();
                }
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    before.clear();
                }
                TokenTree::Literal(_) => before.clear(),
            }
        }
    }
}

fn is_bool(kind: &Type) -> bool {
    matches!(kind, Type::Path(path) if path.path.is_ident("bool"))
}

impl<'ast> Visit<'ast> for Survey {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.spread(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let what = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.paths.push(At { line: line_of(path), what });
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let name = call.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        self.calls.push(At { line: line_of(call), what: format!("{name}!") });
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.calls.push(At { line: line_of(&call.method), what: call.method.to_string() });
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.unsafe_lines.push(line_of(block));
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_signature(&mut self, signature: &'ast Signature) {
        self.define(&signature.ident);
        if matches!(signature.safety, Safety::Unsafe(_)) {
            self.unsafe_lines.push(line_of(signature));
        }
        visit::visit_signature(self, signature);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if item.unsafety.is_some() {
            self.unsafe_lines.push(line_of(item));
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.define(&item.ident);
        visit::visit_item_mod(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.define(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.define(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.define(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.define(&item.ident);
        visit::visit_item_type(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.define(&item.ident);
        visit::visit_item_const(self, item);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.define(&item.ident);
        visit::visit_impl_item_const(self, item);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.define(&variant.ident);
        visit::visit_variant(self, variant);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(name) = &field.ident {
            self.define(name);
        }
        visit::visit_field(self, field);
    }
}

/// A rule that finds nothing must have looked.
#[test]
fn the_walk_sees_what_the_rules_ask_for() {
    let text = "use std::{time::Instant as Now, fs};
        fn careless(is_loud: bool) {
            println!(\"{}\", std::env::var(\"A\").unwrap());
            unsafe { libc::getpid() };
        }
        enum Kind { Worker { link: u8 } }";
    let survey = survey(&syn::parse_file(text).expect("it is Rust"));
    let paths: Vec<String> = survey.paths.iter().map(|path| path.what.join("::")).collect();
    for path in ["std::time::Instant", "std::fs", "std::env::var", "libc::getpid"] {
        assert!(paths.iter().any(|seen| seen == path), "{path} is not in {paths:?}");
    }
    let calls: Vec<&str> = survey.calls.iter().map(|call| call.what.as_str()).collect();
    assert!(calls.contains(&"println!") && calls.contains(&"unwrap"), "{calls:?}");
    let names: Vec<&str> = survey.definitions.iter().map(|name| name.what.as_str()).collect();
    assert_eq!(names, ["careless", "Kind", "Worker", "link"]);
    assert_eq!(survey.unsafe_lines, [4]);
    let function = &survey.functions[0];
    assert_eq!((function.line, function.what.line_count, function.what.bool_parameters), (2, 4, 1));
}

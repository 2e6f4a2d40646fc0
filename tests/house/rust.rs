//! The Rust files of the repository, parsed. What is compiled only for tests is told apart from the product.

use std::collections::HashSet;
use std::sync::LazyLock;

use syn::spanned::Spanned;
use syn::{Attribute, File, ImplItem, Item};

use super::survey::{Survey, survey};
use super::tree;

/// One file and what is in it.
pub(crate) struct RustFile {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) survey: Survey,
}

impl RustFile {
    /// The crate's folder: `src/broker` of `src/broker/topics/trie.rs`.
    pub(crate) fn home(&self) -> &str {
        let depth = if self.path.starts_with("src/") { 2 } else { 1 };
        let end = self.path.match_indices('/').nth(depth - 1).map_or(0, |(at, _)| at);
        &self.path[..end]
    }

    /// The module path inside the crate: `topics`, `trie`.
    pub(crate) fn module(&self) -> Vec<&str> {
        let inside = self.path[self.home().len()..].trim_start_matches('/').trim_end_matches(".rs");
        let mut module: Vec<&str> = inside.split('/').collect();
        if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
            module.pop();
        }
        module
    }
}

/// All files of the repository.
pub(crate) fn all() -> &'static [RustFile] {
    &LIBRARY.all
}

/// What is shipped: the crates of src/, the load generator and the benchmarks, without anything that is compiled only for tests.
pub(crate) fn product() -> &'static [RustFile] {
    &LIBRARY.product
}

/// Every file is parsed once for all rules.
static LIBRARY: LazyLock<Library> = LazyLock::new(Library::read);

struct Library {
    all: Vec<RustFile>,
    product: Vec<RustFile>,
}

impl Library {
    fn read() -> Library {
        let mut library = Library { all: Vec::new(), product: Vec::new() };
        let mut test_only = HashSet::new();
        for path in tree::files().into_iter().filter(|path| path.ends_with(".rs")) {
            let text = tree::read(&path);
            let mut syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
            let whole = survey(&syntax);
            if is_shipped(&path) {
                test_only.extend(test_modules(&path, &syntax));
                strip(&mut syntax.items);
                let shipped = survey(&syntax);
                library.product.push(RustFile { path: path.clone(), text: text.clone(), survey: shipped });
            }
            library.all.push(RustFile { path, text, survey: whole });
        }
        let is_test = |file: &RustFile| test_only.iter().any(|module| is_within(&file.path, module));
        library.product.retain(|file| !is_test(file));
        library
    }
}

fn is_shipped(path: &str) -> bool {
    ["src/", "loadgen/", "bench/"].iter().any(|home| path.starts_with(home)) && !path.contains("/examples/")
}

/// Whether a file is the module `module` (a path without `.rs`) or below it.
fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// The modules in files of their own that a file declares for tests only, as paths without `.rs`.
fn test_modules(path: &str, syntax: &File) -> Vec<String> {
    let whole = path.trim_end_matches(".rs");
    let folder = match whole.rsplit_once('/') {
        Some((folder, "mod" | "lib" | "main")) => folder,
        _ => whole,
    };
    let modules = syntax.items.iter().filter_map(|item| match item {
        Item::Mod(module) if module.content.is_none() && is_test_only(&module.attrs) => Some(&module.ident),
        _ => None,
    });
    modules.map(|name| format!("{folder}/{name}")).collect()
}

fn strip(items: &mut Vec<Item>) {
    items.retain(|item| !is_test_only(attributes(item)));
    for item in items {
        match item {
            Item::Mod(module) => {
                if let Some((_, items)) = &mut module.content {
                    strip(items);
                }
            }
            Item::Impl(block) => {
                block
                    .items
                    .retain(|item| !matches!(item, ImplItem::Fn(function) if is_test_only(&function.attrs)));
            }
            _ => {}
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_test_only(attributes: &[Attribute]) -> bool {
    let is_cfg_test = |attribute: &Attribute| {
        let list = attribute.meta.require_list();
        list.is_ok_and(|list| list.path.is_ident("cfg") && list.tokens.to_string() == "test")
    };
    attributes.iter().any(is_cfg_test)
}

/// The line, from 1, at which something begins.
pub(crate) fn line_of(node: &impl Spanned) -> usize {
    node.span().start().line
}

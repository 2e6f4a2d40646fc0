//! The reference (`docs/CONFIG.md`) and the example file, both written from the table of keys.

use std::fmt::{self, Write as _};

use super::key::{Choice, Domain, Key, Scope, Section, Unit};
use super::{SECTIONS, Settings, units};

/// Width of the example's comments.
const COMMENT_WIDTH: usize = 100;

const REFERENCE_HEAD: &str = "\
# Configuration

*Written by `ringmq config-docs`; to change it, change the keys in `src/server/config/`.*

ringmq runs without any configuration. What differs from the defaults is given in a TOML file (`--config FILE`) or by
flags; a flag wins over the file and the file over the defaults. `ringmq check-config FILE` names everything that is
wrong with a file, and `ringmq config-example` writes a file with every key.

- `--set KEY=VALUE` gives any key below by its full name, such as `--set mqtt.max_qos=1`; it may be repeated, and the
  last one counts.
- `--listen URL` (repeatable) takes the place of all listeners of the file.
- Inside `[[listener]]`, keys of `[mqtt]` and `[tls]` hold for that listener and win over the general ones.
- Sizes are whole numbers of bytes or texts such as `\"16 KiB\"` (B, KiB, MiB, GiB, TiB). Times are whole numbers in the
  unit that ends the key's name: `_s` seconds, `_ms` milliseconds.
- A relative path in the file is taken from the folder of the file, one in a flag from the working directory.
- An unknown key is an error.
";

const EXAMPLE_HEAD: &str = "\
# ringmq: every key with its default. To change one, remove the # before it. A file need only hold
# what differs from the defaults. To check a file: ringmq check-config FILE
";

const EXAMPLE_LISTENER: &str = "\
#[[listener]]
#name = \"fleet\"
#url = \"tls://0.0.0.0:8883\"
#connections_max = 500000
#tls.cert = \"/etc/ringmq/server.pem\"
#tls.key = \"/etc/ringmq/server.key\"
#mqtt.max_qos = 1
";

/// The text of `docs/CONFIG.md`.
pub(crate) fn reference() -> String {
    let mut out = REFERENCE_HEAD.to_owned();
    let defaults = Settings::default();
    for section in SECTIONS {
        let title = match section.scope {
            Scope::OneListener => format!("`[[{}]]`", section.path),
            _ if section.path.is_empty() => "At the top".to_owned(),
            _ => format!("`[{}]`", section.path),
        };
        let about = one_line(section.about);
        put(
            &mut out,
            format_args!(
                "\n## {title}\n\n{about}\n\n| key | default | allowed | meaning |\n| --- | --- | --- | --- |\n"
            ),
        );
        for key in section.keys {
            put_row(&mut out, section, key, &defaults);
        }
        put_choices(&mut out, section);
    }
    out
}

fn put_row(out: &mut String, section: &Section, key: &Key, defaults: &Settings) {
    let default = match section.scope {
        Scope::OneListener if matches!(key.domain, Domain::Url) => "must be given".to_owned(),
        _ => format!("`{}`", (key.write)(defaults, &key.domain)),
    };
    let (path, allowed, help) = (section.path_of(key), allowed(&key.domain), one_line(key.help));
    put(out, format_args!("| `{path}` | {default} | {allowed} | {help} |\n"));
}

/// What a domain allows, short enough for a column.
fn allowed(domain: &Domain) -> String {
    match domain {
        Domain::Whole { least, most, unit: Unit::Bytes } => {
            format!("{} to {}", units::bytes_to_text(*least), units::bytes_to_text(*most))
        }
        Domain::Whole { least, most, unit } => {
            let unit = match unit {
                Unit::Seconds => " s",
                Unit::Milliseconds => " ms",
                Unit::Microseconds => " us",
                Unit::Count | Unit::Bytes => "",
            };
            format!("{least} to {most}{unit}")
        }
        Domain::OneOf(choices) => words(choices, " or "),
        Domain::SomeOf(choices) => format!("list of {}", words(choices, ", ")),
        Domain::Url => "`tcp://HOST:PORT` or `tls://HOST:PORT`".to_owned(),
        other => other.to_string(),
    }
}

fn words(choices: &[Choice], between: &str) -> String {
    let words: Vec<String> = choices.iter().map(|choice| format!("`\"{}\"`", choice.word)).collect();
    words.join(between)
}

/// The meaning of each word that a key of this section may hold.
fn put_choices(out: &mut String, section: &Section) {
    for key in section.keys {
        let Domain::OneOf(choices) = key.domain else { continue };
        put(out, format_args!("\n`{}`:\n\n", section.path_of(key)));
        for choice in choices {
            put(out, format_args!("- `\"{}\"`: {}\n", choice.word, one_line(choice.help)));
        }
    }
}

/// A file with every key, all commented out, so that it means the defaults.
pub(crate) fn example() -> String {
    let mut out = EXAMPLE_HEAD.to_owned();
    let defaults = Settings::default();
    let tables = SECTIONS.iter().filter(|section| section.scope != Scope::OneListener);
    for section in tables.chain(SECTIONS.iter().filter(|section| section.scope == Scope::OneListener)) {
        out.push('\n');
        put_comment(&mut out, section.about);
        if section.scope == Scope::OneListener {
            put_listener(&mut out, section);
            continue;
        }
        if !section.path.is_empty() {
            put(&mut out, format_args!("[{}]\n", section.path));
        }
        for key in section.keys {
            put_comment(&mut out, &format!("{} Allowed: {}.", one_line(key.help), key.domain));
            put(&mut out, format_args!("#{} = {}\n", key.name, (key.write)(&defaults, &key.domain)));
        }
    }
    out
}

fn put_listener(out: &mut String, section: &Section) {
    for key in section.keys {
        put_comment(out, &format!("{}: {} Allowed: {}.", key.name, one_line(key.help), key.domain));
    }
    out.push_str(EXAMPLE_LISTENER);
}

/// Writes text as comment lines of bounded width.
fn put_comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in plain(text).split_whitespace() {
        if line.len() + 1 + word.len() > COMMENT_WIDTH {
            put(out, format_args!("{line}\n"));
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    put(out, format_args!("{line}\n"));
}

/// A doc comment without its line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A doc comment without its marks.
fn plain(text: &str) -> String {
    text.replace("\\[", "[").replace("\\]", "]").replace('`', "")
}

fn put(out: &mut String, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes any text");
}

//! What the rules ask of a Rust file: its code without tests, the paths in it, the modules it
//! declares.

use super::tokens::{Token, tokens};

/// A Rust file, read.
pub(super) struct Source {
    /// Everything that is compiled outside `#[cfg(test)]`.
    pub(super) code: Vec<Token>,
    /// Modules declared with a body elsewhere: `mod name;`, those for tests only marked.
    pub(super) modules: Vec<(String, bool)>,
}

/// A path that starts at a place we know: `crate`, `self`, `super`, and `ledgerline` in `main.rs`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ModulePath {
    /// From the crate's root: `["event", "Event"]`. The crate itself is empty.
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
    /// Whether it stands in a `pub use`, however restricted.
    pub(super) is_reexport: bool,
}

impl Source {
    pub(super) fn read(text: &str) -> Self {
        let all = tokens(text);
        let mut modules = Vec::new();
        declared(&all, false, &mut modules);
        let mut code = Vec::with_capacity(all.len());
        let mut at = 0;
        while at < all.len() {
            match test_item_end(&all, at) {
                Some(end) => {
                    let item = all.get(at..end).unwrap_or_default();
                    for module in &mut modules {
                        let mut names = Vec::new();
                        declared(item, true, &mut names);
                        module.1 |= names.iter().any(|(name, _)| *name == module.0);
                    }
                    at = end;
                }
                None => {
                    code.extend(all.get(at).cloned());
                    at += 1;
                }
            }
        }
        Self { code, modules }
    }

    /// The paths of the code outside tests. `module` is where the file stands: `["sip", "uri"]`.
    pub(super) fn paths(&self, module: &[&str]) -> Vec<ModulePath> {
        let mut paths = Vec::new();
        let mut inline: Vec<(String, usize)> = Vec::new();
        let (mut depth, mut in_use, mut is_reexport) = (0_usize, false, false);
        for (at, token) in self.code.iter().enumerate() {
            match token.text.as_str() {
                "{" => {
                    depth += 1;
                    if !in_use && at >= 2 && text(&self.code, at - 2) == "mod" {
                        inline.push((text(&self.code, at - 1).to_owned(), depth));
                    }
                }
                "}" => {
                    inline.retain(|(_, opened)| *opened < depth);
                    depth = depth.saturating_sub(1);
                }
                ";" => (in_use, is_reexport) = (false, false),
                "use" => {
                    in_use = true;
                    is_reexport = at >= 1 && ["pub", ")"].contains(&text(&self.code, at - 1));
                }
                start @ ("crate" | "self" | "super" | "ledgerline")
                    if text(&self.code, at + 1) == "::"
                        && (at == 0 || text(&self.code, at - 1) != "::") =>
                {
                    let mut here: Vec<String> = module.iter().map(|&part| part.into()).collect();
                    here.extend(inline.iter().map(|(name, _)| name.clone()));
                    match start {
                        "crate" => here.clear(),
                        "super" => drop(here.pop()),
                        "ledgerline" if module == ["main"] => here.clear(),
                        "ledgerline" => continue,
                        _ => {}
                    }
                    let mut next = at + 2;
                    expand(&self.code, &mut next, here, &mut |segments, line| {
                        paths.push(ModulePath { segments, line, is_reexport });
                    });
                }
                _ => {}
            }
        }
        paths
    }
}

fn text(code: &[Token], at: usize) -> &str {
    code.get(at).map_or("", |token| token.text.as_str())
}

/// Follows a path, or a tree of them, from just behind a `::`.
fn expand(
    code: &[Token],
    at: &mut usize,
    mut prefix: Vec<String>,
    found: &mut impl FnMut(Vec<String>, usize),
) {
    while let Some(token) = code.get(*at) {
        match token.text.as_str() {
            "{" => {
                *at += 1;
                while !["}", ""].contains(&text(code, *at)) {
                    expand(code, at, prefix.clone(), found);
                    // What stands between the branches: commas, and `as name`.
                    while !["}", ",", ""].contains(&text(code, *at)) {
                        *at += 1;
                    }
                    if text(code, *at) == "," {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            "super" => drop(prefix.pop()),
            "self" => {}
            name if token.is_name() || name == "*" => prefix.push(name.to_owned()),
            _ => return,
        }
        *at += 1;
        if text(code, *at) != "::" {
            found(prefix, token.line);
            return;
        }
        *at += 1;
    }
}

/// `mod name;` at any depth.
fn declared(code: &[Token], is_test: bool, modules: &mut Vec<(String, bool)>) {
    for (at, token) in code.iter().enumerate() {
        if token.text == "mod" && text(code, at + 2) == ";" {
            modules.push((text(code, at + 1).to_owned(), is_test));
        }
    }
}

/// Where the item ends that a `#[cfg(test)]` at `at` belongs to; `None` where there is none.
fn test_item_end(code: &[Token], at: usize) -> Option<usize> {
    if text(code, at) != "#" {
        return None;
    }
    let is_inner = text(code, at + 1) == "!";
    let open = at + 1 + usize::from(is_inner);
    if text(code, open) != "[" || text(code, open + 1) != "cfg" {
        return None;
    }
    let close = matching(code, open);
    let words = code.get(open..close).unwrap_or_default();
    let is_negated = words.iter().any(|token| ["not", "any"].contains(&token.text.as_str()));
    if is_negated || !words.iter().any(|token| token.text == "test") {
        return None;
    }
    if is_inner {
        return Some(code.len());
    }
    let mut start = close + 1;
    while text(code, start) == "#" {
        start = matching(code, start + 1) + 1;
    }
    Some(item_end(code, start))
}

fn item_end(code: &[Token], start: usize) -> usize {
    const BLOCK: [&str; 10] =
        ["fn", "mod", "struct", "enum", "impl", "trait", "unsafe", "async", "extern", "union"];
    const LINE: [&str; 5] = ["use", "const", "static", "type", "let"];
    let mut first = start;
    if text(code, first) == "pub" {
        first += 1;
        if text(code, first) == "(" {
            first = matching(code, first) + 1;
        }
    }
    let keyword = text(code, first);
    let is_line = LINE.contains(&keyword) && text(code, first + 1) != "fn";
    let is_item = is_line || BLOCK.contains(&keyword) || keyword == "const";
    let mut at = first;
    while at < code.len() {
        match text(code, at) {
            "(" | "[" => at = matching(code, at),
            "{" => {
                at = matching(code, at);
                if !is_line {
                    return at + 1;
                }
            }
            ";" => return at + 1,
            "," if !is_item => return at + 1,
            "}" => return at,
            _ => {}
        }
        at += 1;
    }
    code.len()
}

/// The place of the bracket that closes the one at `open`.
fn matching(code: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in code.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(module: &[&str], source: &str, want: &[&str]) {
        let paths = Source::read(source).paths(module);
        let got: Vec<_> = paths
            .iter()
            .map(|path| {
                let mark = if path.is_reexport { "pub " } else { "" };
                format!("{mark}{}", path.segments.join("::"))
            })
            .collect();
        assert_eq!(got, want, "{source}");
    }

    #[test]
    fn trees_are_followed_to_every_leaf() {
        check(&["call"], "use crate::base::Rng;", &["base::Rng"]);
        check(
            &["call"],
            "use crate::{base::{self, Rng as R}, sip::*, media as m,};",
            &["base", "base::Rng", "sip::*", "media"],
        );
        check(&["call"], "fn f() -> crate::sip::Uri { crate::x!(1) }", &["sip::Uri", "x"]);
        check(
            &["call"],
            "$crate::base::X; let a = <crate::sip::A as B>::c;",
            &["base::X", "sip::A"],
        );
        check(&["call"], "use crate::*;", &["*"]);
    }

    #[test]
    fn relative_paths_are_resolved() {
        check(&["dialing", "state"], "use super::lead::Lead;", &["dialing::lead::Lead"]);
        check(&["dialing", "state"], "use super::super::sip::Uri;", &["sip::Uri"]);
        check(&["dialing"], "use super::{sip::Uri, media};", &["sip::Uri", "media"]);
        check(
            &["dialing"],
            "mod a { use super::super::sip; } use self::a::B;",
            &["sip", "dialing::a::B"],
        );
        check(&["main"], "ledgerline::cli::main()", &["cli::main"]);
    }

    #[test]
    fn tests_comments_and_visibilities_are_no_paths() {
        check(&["sip"], "/// [`crate::call::X`]\npub(crate) fn f() {}", &[]);
        check(
            &["sip"],
            "#[cfg(test)] mod tests { use crate::call::X; } use crate::base;",
            &["base"],
        );
        check(&["sip"], "#[cfg(test)] use crate::call::{A, B}; use crate::base;", &["base"]);
        check(
            &["sip"],
            "#[cfg(test)]\n#[test]\nfn f<A, B>() { crate::call::x() } use crate::base;",
            &["base"],
        );
        check(
            &["sip"],
            "struct A { #[cfg(test)] a: crate::call::X, b: crate::base::Y }",
            &["base::Y"],
        );
        check(&["sip"], "#![cfg(test)] use crate::call::X;", &[]);
        check(&["sip"], "#[cfg(not(test))] use crate::call::X;", &["call::X"]);
    }

    #[test]
    fn reexports_are_marked() {
        check(&["sip"], "pub use crate::call::X; use crate::base::Y;", &["pub call::X", "base::Y"]);
        check(&["sip"], "pub(crate) use super::call::X;", &["pub call::X"]);
    }

    #[test]
    fn modules_for_tests_are_told_apart() {
        let source = Source::read("mod a; pub mod b; #[cfg(test)] mod tests; mod c {}");
        let want = [("a", false), ("b", false), ("tests", true)].map(|(n, t)| (n.to_owned(), t));
        assert_eq!(source.modules, want);
    }
}

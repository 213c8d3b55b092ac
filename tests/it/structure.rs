//! Module dependencies: no folder of `src` has an import cycle, and modules import only from their
//! own layer and those below. The layers are the rows of the table in docs/architecture.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};

type Module = Vec<String>;

/// Modules by path, with their source text.
struct Sources(BTreeMap<Module, String>);

impl Sources {
    fn read(root: &Path) -> Self {
        let mut sources = Self(BTreeMap::new());
        sources.add(root, &[]);
        sources
    }

    fn add(&mut self, folder: &Path, parent: &[String]) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let mut module = parent.to_vec();
            if path.is_dir() {
                module.push(name.to_owned());
                self.add(&path, &module);
            } else if path.extension().is_some_and(|it| it == "rs") {
                if !["mod", "lib", "main"].contains(&name) {
                    module.push(name.to_owned());
                }
                self.0.insert(module, fs::read_to_string(&path).unwrap());
            }
        }
    }

    /// Returns the imports between modules, without test code.
    fn uses(&self) -> BTreeSet<(Module, Module)> {
        let mut uses = BTreeSet::new();
        for (module, text) in &self.0 {
            let mut finder = Finder { sources: self, module, found: &mut uses };
            finder.visit_file(&syn::parse_file(text).unwrap());
        }
        uses
    }

    /// Returns the cycles between the modules of a folder, each as `folder: a b c`. The file of a
    /// folder and the modules in it may import each other.
    fn cycles(&self) -> Vec<String> {
        let mut siblings: BTreeMap<Module, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (from, to) in self.uses() {
            let shared = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
            if let (Some(user), Some(used)) = (from.get(shared), to.get(shared)) {
                let folder = siblings.entry(from[..shared].to_vec()).or_default();
                folder.entry(user.clone()).or_default().insert(used.clone());
            }
        }
        let mut cycles = Vec::new();
        for (folder, uses) in siblings {
            let is_in_cycle = |name: &&String| reachable(&uses, name).contains(*name);
            let names: Vec<_> = uses.keys().filter(is_in_cycle).cloned().collect();
            if !names.is_empty() {
                cycles.push(format!("{}: {}", folder.join("/"), names.join(" ")));
            }
        }
        cycles
    }
}

fn reachable(uses: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(name) = next.pop() {
        for used in uses.get(&name).into_iter().flatten() {
            if found.insert(used.clone()) {
                next.push(used.clone());
            }
        }
    }
    found
}

/// Collects the modules that a file uses.
struct Finder<'a> {
    sources: &'a Sources,
    module: &'a Module,
    found: &'a mut BTreeSet<(Module, Module)>,
}

impl Finder<'_> {
    fn note(&mut self, names: &[String]) {
        let mut target: Module = match names.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("super") => self.module[..self.module.len().saturating_sub(1)].to_vec(),
            Some("self") => self.module.clone(),
            _ => return,
        };
        for name in &names[1..] {
            if name == "super" {
                target.pop();
            } else {
                target.push(name.clone());
            }
        }
        // The module of an item is the longest matching path.
        while !self.sources.0.contains_key(&target) {
            target.pop();
        }
        if target != *self.module {
            self.found.insert((self.module.clone(), target));
        }
    }

    /// Collects paths in the tokens of a macro. `prefix` is the path before a group of imports.
    fn note_tokens(&mut self, tokens: TokenStream, prefix: &[String]) {
        let mut names: Vec<String> = Vec::new();
        // Number of colons since the last name: two continue its path.
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.note_path(&names);
                        names = prefix.to_vec();
                    }
                    names.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    let is_imports = colons == 2 && group.delimiter() == Delimiter::Brace;
                    let prefix = if is_imports { names.as_slice() } else { &[] };
                    self.note_tokens(group.stream(), prefix);
                    self.note_path(&std::mem::take(&mut names));
                    colons = 0;
                }
                // `$crate` is treated like `crate`.
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.note_path(&std::mem::take(&mut names));
                    colons = 0;
                }
            }
        }
        self.note_path(&names);
    }

    /// Adds a path. A single name is ignored, since `self` can also be a value.
    fn note_path(&mut self, names: &[String]) {
        if names.len() > 1 {
            self.note(names);
        }
    }

    fn note_tree(&mut self, tree: &syn::UseTree, names: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                names.push(path.ident.to_string());
                self.note_tree(&path.tree, names);
                names.pop();
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.note_tree(tree, names));
            }
            syn::UseTree::Name(name) => self.note_last(&name.ident, names),
            syn::UseTree::Rename(rename) => self.note_last(&rename.ident, names),
            syn::UseTree::Glob(_) => self.note(names),
        }
    }

    fn note_last(&mut self, name: &syn::Ident, names: &mut Vec<String>) {
        if name != "self" {
            names.push(name.to_string());
        }
        self.note(names);
        if name != "self" {
            names.pop();
        }
    }
}

/// Returns whether an item is compiled only for tests.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            list.tokens.clone().into_iter().any(|token| token.to_string() == "test")
        }
        meta => meta.path().is_ident("test"),
    })
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        // `super` in an inline module would refer to this file. There are only inline modules for
        // tests.
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.note_tree(&item.tree, &mut Vec::new());
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|it| it.ident.to_string()).collect();
        self.note_path(&names);
        visit::visit_path(self, path);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        if !is_test(&item.attrs) {
            visit::visit_item_macro(self, item);
        }
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.note_tokens(invocation.tokens.clone(), &[]);
        visit::visit_macro(self, invocation);
    }
}

fn sources(folder: &str) -> Sources {
    Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
}

#[test]
fn modules_of_a_folder_have_no_cycle() {
    for folder in ["src", "cli", "benches/suite/src"] {
        assert_eq!(sources(folder).cycles(), [""; 0], "{folder}");
    }
}

/// Returns the modules of `src` by layer, lowest first, from the table in docs/architecture.md.
/// Each of its rows is a layer.
fn layers() -> Vec<BTreeSet<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let text = fs::read_to_string(path).unwrap();
    let table = text.lines().skip_while(|line| !line.starts_with("| layer |"));
    let rows = table.take_while(|line| line.starts_with('|'));
    let mut layers: Vec<BTreeSet<String>> = Vec::new();
    for row in rows {
        let folders = row.split('|').nth(2).unwrap();
        let names = folders.split("`src/").skip(1).map(|it| {
            let name = it.split(['/', '`', '.']).next();
            name.unwrap().to_owned()
        });
        // The parts of a folder have their own rows after that of the folder.
        let known: BTreeSet<_> = layers.iter().flatten().cloned().collect();
        layers.push(names.filter(|name| !known.contains(name)).collect());
    }
    layers.retain(|layer| !layer.is_empty());
    layers.reverse();
    layers
}

#[test]
fn layers_use_only_those_below() {
    let layers = layers();
    let level = |name: &str| {
        let level = layers.iter().position(|layer| layer.contains(name));
        level.unwrap_or_else(|| panic!("`{name}` is in no layer of docs/architecture.md"))
    };
    let uses = sources("src").uses();
    for (from, to) in &uses {
        if let (Some(user), Some(used)) = (from.first(), to.first()) {
            let (from, to) = (from.join("::"), to.join("::"));
            assert!(level(user) >= level(used), "{from} uses {to}, which lies above it");
        }
    }
    assert!(layers.len() > 5, "the table was read");
    assert!(uses.len() > 100, "the sources were read");
}

#[test]
fn cycle_is_found_and_test_code_ignored() {
    let harmless = "pub fn g() -> u8 { 1 } #[cfg(test)] mod tests { use crate::b::f; }";
    assert_eq!(two_modules(harmless).cycles(), [""; 0]);
    let cycle = "use crate::b::{f, f as h}; pub fn g() -> u8 { h() }";
    assert_eq!(two_modules(cycle).cycles(), [": a b"]);
}

#[test]
fn path_inside_a_macro_is_found() {
    for text in [
        "fn g() -> u8 { assert!(true, \"{}\", crate::b::f()); 1 }",
        "fn g() -> u8 { vec![1, [super::b::f()][0]][0] }",
        "macro_rules! h { ($x:expr) => { $crate::b::f() + $x } }",
        "macro_rules! h { () => { use crate::{c, b::{self, f}}; } }",
        "const G: u8 = concat!(matches!(x, y if z::<crate::b::T>()));",
    ] {
        assert_eq!(two_modules(text).cycles(), [": a b"], "{text}");
    }
    for text in [
        "fn g() { assert!(b::f() == self::g(), \"crate::b::f()\"); }",
        "fn g() { h!(crate: b::f, { std::b::f() }); }",
        "#[cfg(test)] macro_rules! h { () => { crate::b::f() } }",
    ] {
        assert_eq!(two_modules(text).cycles(), [""; 0], "{text}");
    }
}

/// Returns a module `a` with the given text, and a module `b` that uses it.
fn two_modules(a: &str) -> Sources {
    let file = |name: &str, text: &str| (vec![name.to_owned()], text.to_owned());
    let b = "pub fn f() -> u8 { super::a::g() }";
    Sources(BTreeMap::from([(Vec::new(), String::new()), file("a", a), file("b", b)]))
}

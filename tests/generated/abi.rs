//! Parses the C ABI from the sources in `src/ffi`.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs};

use super::names::{bare, common_prefix, pascal};
use super::sources::SOURCES;

/// The ABI: items of each kind in the order of the sources.
#[derive(Default)]
pub struct Abi {
    pub enums: Vec<Enum>,
    pub constants: Vec<Constant>,
    pub structs: Vec<Struct>,
    /// Types that are only used behind a pointer.
    pub opaque: Vec<String>,
    /// Integer typedefs, such as `rbtoken_status_t`.
    pub integers: BTreeMap<String, Type>,
    pub callbacks: Vec<Callback>,
    pub functions: Vec<Function>,
    /// The hand-written tables of the plugin interface, with the names of their members.
    pub tables: Vec<(String, Vec<String>)>,
}

pub struct Enum {
    pub name: String,
    pub doc: Vec<String>,
    pub values: Vec<Constant>,
}

pub struct Constant {
    pub name: String,
    pub doc: Vec<String>,
    pub value: i64,
}

pub struct Struct {
    pub name: String,
    pub fields: Vec<Variable>,
}

pub struct Callback {
    pub name: String,
    pub signature: Signature,
}

pub struct Function {
    pub name: String,
    /// Stem of the file that defines it, such as `login`.
    pub file: String,
    pub signature: Signature,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    pub parameters: Vec<Variable>,
    pub result: Type,
    pub is_unsafe: bool,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub kind: Type,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Type {
    Void,
    /// A type of Rust or `std::ffi`, such as `i64` or `c_char`.
    Primitive(String),
    /// A type of the ABI, such as `rbtoken_store_t`.
    Named(String),
    Pointer {
        is_mut: bool,
        to: Box<Type>,
    },
    /// A non-NULL function pointer, as in the tables of the plugin interface.
    Function(Box<Signature>),
}

/// Displays the type in Rust syntax.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Void => f.write_str("()"),
            Self::Primitive(name) | Self::Named(name) => f.write_str(name),
            Self::Pointer { is_mut: true, to } => write!(f, "*mut {to}"),
            Self::Pointer { is_mut: false, to } => write!(f, "*const {to}"),
            Self::Function(_) => f.write_str("unsafe extern \"C\" fn"),
        }
    }
}

impl Enum {
    /// Returns the name in Pascal case: `Status`, `ExpiresMode`.
    pub fn title(&self) -> String {
        pascal(bare(self.name.strip_suffix("_code").unwrap_or(&self.name)))
    }

    /// Returns the name of a value without the common prefix of the enum: `NOT_FOUND`.
    pub fn short<'a>(&self, value: &'a Constant) -> &'a str {
        let names: Vec<_> = self.values.iter().map(|it| it.name.as_str()).collect();
        let short = value.name.strip_prefix(common_prefix(&names)).unwrap_or(&value.name);
        short.strip_prefix("E_").unwrap_or(short)
    }
}

impl Type {
    pub fn is_primitive(&self, name: &str) -> bool {
        matches!(self, Self::Primitive(own) if own == name)
    }

    /// Returns whether this is a `const char *`.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Pointer { is_mut: false, to } if to.is_primitive("c_char"))
    }
}

impl Signature {
    /// Returns whether the result is a text whose length is an output.
    pub fn gives_length(&self) -> bool {
        self.result.is_text() && self.parameters.iter().any(|parameter| parameter.name == "len")
    }
}

/// Returns whether the next variable is the length of this one.
pub fn has_length(variables: &[Variable], index: usize) -> bool {
    // A pointer is an output, which is the length of something else.
    let next = variables.get(index + 1).filter(|next| next.kind.is_primitive("usize"));
    next.is_some_and(|next| {
        next.name == "len" || next.name == format!("{}_len", variables[index].name)
    })
}

impl Abi {
    /// Reads the linked API, with only the names of the plugin interface's tables.
    pub fn read(root: &Path) -> Self {
        Self::read_sources(root, false)
    }

    /// Reads the linked API, and the plugin interface with the types of its members.
    pub fn read_with_extension(root: &Path) -> Self {
        Self::read_sources(root, true)
    }

    fn read_sources(root: &Path, with_extension: bool) -> Self {
        let mut abi = Self::default();
        for source in SOURCES {
            // Generated files.
            if source.starts_with("extension/interfaces/") {
                continue;
            }
            let path = root.join("src").join(source).with_extension("rs");
            let text = fs::read_to_string(&path).expect("the source can be read");
            let file = syn::parse_file(&text).expect("the source is Rust");
            for item in file.items {
                match source.strip_prefix("ffi/") {
                    Some(file) => abi.add(file, item),
                    None if with_extension => abi.add("extension", item),
                    None => abi.add_table(item),
                }
            }
        }
        abi
    }

    fn add_table(&mut self, item: syn::Item) {
        let syn::Item::Struct(it) = item else { return };
        if is_repr_c(&it.attrs) {
            let names = it.fields.iter().filter_map(|field| field.ident.as_ref());
            self.tables.push((it.ident.to_string(), names.map(ToString::to_string).collect()));
        }
    }

    fn add(&mut self, file: &str, item: syn::Item) {
        match item {
            syn::Item::Enum(it) if is_repr_c(&it.attrs) => self.enums.push(read_enum(&it)),
            syn::Item::Const(it) if it.ident.to_string().starts_with("RBTOKEN_") => {
                self.constants.push(Constant {
                    name: it.ident.to_string(),
                    doc: doc(&it.attrs),
                    value: integer(&it.expr),
                });
            }
            syn::Item::Struct(it) if is_public(&it.vis) => {
                let name = it.ident.to_string();
                if is_repr_c(&it.attrs) {
                    let fields = it.fields.iter().map(|field| Variable {
                        name: field.ident.as_ref().expect("a field has a name").to_string(),
                        kind: read_type(&field.ty),
                    });
                    self.structs.push(Struct { name, fields: fields.collect() });
                } else {
                    self.opaque.push(name);
                }
            }
            syn::Item::Type(it) if is_public(&it.vis) => {
                let name = it.ident.to_string();
                match callback(&it.ty) {
                    Some(signature) => self.callbacks.push(Callback { name, signature }),
                    None => drop(self.integers.insert(name, read_type(&it.ty))),
                }
            }
            syn::Item::Fn(it) if is_exported(&it.attrs) => self.functions.push(Function {
                name: it.sig.ident.to_string(),
                file: file.to_owned(),
                signature: signature(&it.sig),
            }),
            _ => {}
        }
    }

    /// Returns an enum by its name.
    pub fn enumeration(&self, name: &str) -> &Enum {
        self.enums.iter().find(|it| it.name == name).expect("there is such an enum")
    }

    pub fn is_opaque(&self, kind: &Type) -> bool {
        matches!(kind, Type::Named(name) if self.opaque.contains(name))
    }

    pub fn is_callback(&self, kind: &Type) -> bool {
        matches!(kind, Type::Named(name) if self.callbacks.iter().any(|it| it.name == *name))
    }

    /// Returns the type with integer typedefs resolved.
    pub fn resolved(&self, kind: &Type) -> Type {
        match kind {
            Type::Named(name) => self.integers.get(name).unwrap_or(kind).clone(),
            other => other.clone(),
        }
    }
}

fn read_enum(it: &syn::ItemEnum) -> Enum {
    let values = it.variants.iter().map(|variant| Constant {
        name: variant.ident.to_string(),
        doc: doc(&variant.attrs),
        value: integer(&variant.discriminant.as_ref().expect("a value is written out").1),
    });
    Enum { name: it.ident.to_string(), doc: doc(&it.attrs), values: values.collect() }
}

fn signature(it: &syn::Signature) -> Signature {
    let parameters = it.inputs.iter().map(|input| match input {
        syn::FnArg::Typed(parameter) => match &*parameter.pat {
            syn::Pat::Ident(name) => {
                Variable { name: name.ident.to_string(), kind: read_type(&parameter.ty) }
            }
            _ => panic!("{} has a parameter without a name", it.ident),
        },
        syn::FnArg::Receiver(_) => panic!("{} is a method", it.ident),
    });
    Signature {
        parameters: parameters.collect(),
        result: result(&it.output),
        is_unsafe: it.unsafety.is_some(),
    }
}

/// Returns the signature of `Option<unsafe extern "C-unwind" fn(…)>`.
fn callback(kind: &syn::Type) -> Option<Signature> {
    let syn::Type::Path(path) = kind else { return None };
    let last = path.path.segments.last()?;
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first() {
        Some(syn::GenericArgument::Type(syn::Type::BareFn(it))) => Some(pointee(it)),
        _ => None,
    }
}

/// Returns the signature of `unsafe extern "C" fn(…)`.
fn pointee(it: &syn::TypeBareFn) -> Signature {
    let parameters = it.inputs.iter().map(|parameter| Variable {
        name: parameter.name.as_ref().expect("a parameter has a name").0.to_string(),
        kind: read_type(&parameter.ty),
    });
    Signature { parameters: parameters.collect(), result: result(&it.output), is_unsafe: true }
}

fn result(output: &syn::ReturnType) -> Type {
    match output {
        syn::ReturnType::Default => Type::Void,
        syn::ReturnType::Type(_, kind) => read_type(kind),
    }
}

fn read_type(kind: &syn::Type) -> Type {
    match kind {
        syn::Type::Ptr(pointer) => Type::Pointer {
            is_mut: pointer.mutability.is_some(),
            to: Box::new(read_type(&pointer.elem)),
        },
        syn::Type::Path(path) => {
            let name = path.path.get_ident().expect("a type of the ABI has a short name");
            let name = name.to_string();
            if name.starts_with("rbtoken_") { Type::Named(name) } else { Type::Primitive(name) }
        }
        syn::Type::BareFn(it) => Type::Function(Box::new(pointee(it))),
        _ => panic!("a type of the ABI is neither a pointer nor a name"),
    }
}

fn integer(value: &syn::Expr) -> i64 {
    match value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. }) => {
            number.base10_parse().expect("it fits")
        }
        _ => panic!("a constant of the ABI is an integer literal"),
    }
}

/// Returns the lines of the documentation.
fn doc(attributes: &[syn::Attribute]) -> Vec<String> {
    let lines = attributes.iter().filter_map(|attribute| {
        let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value else {
            return None;
        };
        pair.path.is_ident("doc").then(|| text.value().trim().to_owned())
    });
    lines.collect()
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

fn has_list(attributes: &[syn::Attribute], name: &str, item: &str) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident(name) && list.tokens.to_string() == item,
        _ => false,
    })
}

fn is_repr_c(attributes: &[syn::Attribute]) -> bool {
    has_list(attributes, "repr", "C")
}

/// Returns whether a function is exported in every build.
fn is_exported(attributes: &[syn::Attribute]) -> bool {
    let conditional = attributes.iter().any(|attribute| attribute.path().is_ident("cfg"));
    has_list(attributes, "unsafe", "no_mangle") && !conditional
}

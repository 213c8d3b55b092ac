//! Compiles the C++ reference.

fn main() {
    const SOURCE: &str = "src/reference/shared_map.cpp";
    println!("cargo::rerun-if-changed={SOURCE}");
    cc::Build::new().cpp(true).std("c++20").opt_level(3).file(SOURCE).compile("shared_map");
}

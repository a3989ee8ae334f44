//! Link arguments of the shared library. Needs no compiler, but for the one C file of feature `ei`.

/// The number in the soname. It changes when a program compiled against an older header could break.
const ABI: u32 = 1;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    match os.as_str() {
        "linux" | "android" | "freebsd" | "netbsd" | "openbsd" | "dragonfly" => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,liberlnode.so.{ABI}");
            // Our threads run code of this library: dlclose must not take it away from under them.
            println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        }
        "macos" => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/liberlnode.{ABI}.dylib");
        }
        _ => {}
    }
    #[cfg(feature = "ei")]
    variadic_functions();
}

/// The three functions of libei that take `...`; see the reason in the file.
#[cfg(feature = "ei")]
fn variadic_functions() {
    println!("cargo:rerun-if-changed=src/ei/variadic.c");
    cc::Build::new().file("src/ei/variadic.c").warnings(true).compile("erlnode_ei");
}

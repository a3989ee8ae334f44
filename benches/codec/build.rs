//! Finds Erlang's C library, the first column. Without it the benchmark runs without that column.

use std::path::Path;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(libei)");
    println!("cargo::rerun-if-env-changed=LIBEI_DIR");
    let given = std::env::var("LIBEI_DIR").into_iter();
    let usual = ["/usr/lib/erlang/usr/lib", "/usr/local/lib/erlang/usr/lib", "/opt/homebrew/lib/erlang/usr/lib"];
    let place = given.chain(usual.map(String::from)).find(|place| Path::new(place).join("libei.a").exists());
    if let Some(place) = place {
        println!("cargo::rustc-cfg=libei");
        println!("cargo::rustc-link-search=native={place}");
        println!("cargo::rustc-link-lib=static=ei");
        println!("cargo::rustc-link-lib=pthread");
    }
}

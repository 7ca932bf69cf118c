//! Compiles the `.proto` files; protox needs no protoc.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for file in [
        "holdfast/session/v1/session.proto",
        "holdfast/cluster/v1/cluster.proto",
    ] {
        prost_build::Config::new()
            .bytes(["."])
            .compile_fds(compile(file))
            .expect("the session's messages are valid");
    }
    if env::var_os("CARGO_FEATURE_GRPC").is_some() {
        grpc(&out);
    }
}

fn compile(file: &str) -> prost_types::FileDescriptorSet {
    protox::compile([file], ["proto"]).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[cfg(feature = "grpc")]
fn grpc(out: &std::path::Path) {
    use prost::Message;

    let admin = compile("holdfast/admin/v1/admin.proto");
    fs::write(out.join("admin.descriptors"), admin.encode_to_vec()).expect("OUT_DIR is writable");
    // Shared with sessions, and so compiled once.
    tonic_prost_build::configure()
        .extern_path(".holdfast.cluster.v1", "crate::cluster")
        .compile_fds(admin)
        .expect("the admin service is valid");
}

#[cfg(not(feature = "grpc"))]
fn grpc(out: &std::path::Path) {
    let _ = fs::metadata(out);
}

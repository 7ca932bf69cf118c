//! Compiles the `.proto` files; protox needs no protoc.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let session = compile("holdfast/session/v1/session.proto");
    prost_build::Config::new()
        .bytes(["."])
        .compile_fds(session)
        .expect("the session's messages are valid");
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
    tonic_prost_build::configure()
        .compile_fds(admin)
        .expect("the admin service is valid");
}

#[cfg(not(feature = "grpc"))]
fn grpc(out: &std::path::Path) {
    let _ = fs::metadata(out);
}

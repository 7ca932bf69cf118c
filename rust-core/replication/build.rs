//! Compiles the `.proto` file of the network between nodes; protox needs no protoc.

#[cfg(feature = "raft")]
fn main() {
    println!("cargo:rerun-if-changed=proto");
    let peer = protox::compile(["holdfast/peer/v1/peer.proto"], ["proto"])
        .unwrap_or_else(|error| panic!("peer.proto: {error}"));
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(peer)
        .expect("the peers' service is valid");
}

#[cfg(not(feature = "raft"))]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
}

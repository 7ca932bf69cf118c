// Written by ffi/gen; do not edit.

/// Hash of the ABI's inventory; the generated C# bindings hold the same number.
pub const ABI_VERSION: u64 = 0x8aa72f05f4a8a1ab;

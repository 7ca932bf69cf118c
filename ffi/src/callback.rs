//! Functions of the caller's, given as addresses.

use std::ffi::c_void;

/// The function of type `F` at an address; null is none.
///
/// # Safety
/// `F` is a function pointer, and `address` is null or that of such a function.
pub(crate) unsafe fn at_address<F: Copy>(address: *const c_void) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<*const c_void>()) };
    if address.is_null() {
        return None;
    }
    // SAFETY: the caller promises that there is such a function at the address; both are one word.
    Some(unsafe { std::mem::transmute_copy::<*const c_void, F>(&address) })
}

//! Full names of stores as a node takes them from its clients.

use crate::limits::escape_key;
use crate::{Code, Error};

/// Most characters of a tenant's and of a store's name.
const MOST_CHARACTERS: usize = 128;
/// The tenant of clients that name none.
const DEFAULT_TENANT: &str = "default";

/// `tenant/name` of what a client asks for: `name`, in its own tenant (empty: `default`), or `tenant/name`.
///
/// # Errors
/// `InvalidArgument` for a name with other parts or characters.
pub fn full_store_name(asked: &[u8], tenant: &str) -> Result<String, Error> {
    let refused = || {
        let message = format!(
            "the store's name '{}' is not STORE or TENANT/STORE, each 1 to {MOST_CHARACTERS} of the characters \
             A-Z a-z 0-9 . _ - (and not . or ..)",
            escape_key(asked)
        );
        Error::new(Code::InvalidArgument, message)
    };
    let asked = std::str::from_utf8(asked).map_err(|_| refused())?;
    let own = if tenant.is_empty() { DEFAULT_TENANT } else { tenant };
    let (tenant, name) = asked.split_once('/').unwrap_or((own, asked));
    if is_name(tenant) && is_name(name) {
        Ok(format!("{tenant}/{name}"))
    } else {
        Err(refused())
    }
}

fn is_name(text: &str) -> bool {
    let accepted = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=MOST_CHARACTERS).contains(&text.len()) && text.bytes().all(accepted) && text != "." && text != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tenant_is_in_the_clients_own() {
        assert_eq!(full_store_name(b"orders", "").unwrap(), "default/orders");
        assert_eq!(full_store_name(b"orders", "acme").unwrap(), "acme/orders");
        assert_eq!(full_store_name(b"beta/orders", "acme").unwrap(), "beta/orders");
    }

    #[test]
    fn a_name_with_other_parts_or_characters_is_refused_and_shown_escaped() {
        for name in ["", "/", "a/", "/a", "a/b/c", "..", "a b", "a\n", &"a".repeat(129)] {
            let error = full_store_name(name.as_bytes(), "").unwrap_err();
            assert_eq!(error.code, Code::InvalidArgument);
            assert!(!error.message.contains('\n'), "{error}");
        }
        assert!(full_store_name(b"\xff", "").is_err());
        assert!(full_store_name(b"a", "bad tenant").is_err());
    }
}

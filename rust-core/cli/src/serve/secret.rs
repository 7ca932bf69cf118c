//! The secret that the nodes of a cluster show each other, given or in a file.

use std::path::Path;

use holdfast_proto::{Code, Error};

use super::Effective;
use crate::exit::Failure;

/// More than any secret has.
const MOST: usize = 64 * 1024;

/// The cluster's secret; empty: none was given.
///
/// # Errors
/// `InvalidSetting`: it was given twice, or the file cannot be used. Never says what is in it.
pub(super) fn of_cluster(effective: &Effective) -> Result<String, Failure> {
    let given = effective.get("cluster-secret");
    let Some(file) = effective.get("cluster-secret-file") else {
        return Ok(given.unwrap_or_default().to_owned());
    };
    if given.is_some() {
        let message = "settings 'cluster-secret' and 'cluster-secret-file' are both given: give one of them";
        return Err(Error::new(Code::InvalidSetting, message).into());
    }
    read(Path::new(file)).map_err(|problem| {
        let message = format!("setting 'cluster-secret-file' is '{file}': {problem}");
        Error::new(Code::InvalidSetting, message).into()
    })
}

fn read(file: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(file).map_err(unreadable)?.permissions().mode();
        if mode & 0o007 != 0 {
            return Err(format!(
                "every user of this machine may use it (mode {:03o}): chmod 600 it, or 640 for a group",
                mode & 0o777
            ));
        }
    }
    let bytes = std::fs::read(file).map_err(unreadable)?;
    if bytes.len() > MOST {
        return Err(format!(
            "it has {} bytes: a secret has at most {MOST}",
            bytes.len()
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned())?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err("it is empty".to_owned());
    }
    if !secret.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Err("the secret is to be one line of printable ASCII characters".to_owned());
    }
    Ok(secret.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(bytes: &[u8], mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_secret_is_what_the_file_holds_without_the_space_around_it() {
        let (_folder, path) = file(b"  open sesame \n", 0o600);
        assert_eq!(read(&path).as_deref(), Ok("open sesame"));
        let (_folder, path) = file(b"x", 0o640);
        assert_eq!(read(&path).as_deref(), Ok("x"));
    }

    #[test]
    fn a_file_that_is_no_secret_is_refused_with_the_reason_and_never_quoted() {
        for (bytes, mode, reason) in [
            (&b" \n"[..], 0o600, "empty"),
            (b"top-secret", 0o644, "chmod 600"),
            (b"top-secret\xff", 0o600, "UTF-8"),
            (b"top-secret\nsecond", 0o600, "one line"),
        ] {
            let (_folder, path) = file(bytes, mode);
            let problem = read(&path).unwrap_err();
            assert!(
                problem.contains(reason) && !problem.contains("top-secret"),
                "{problem}"
            );
        }
        let absent = read(Path::new("/nowhere/secret")).unwrap_err();
        assert!(absent.contains("cannot be read"), "{absent}");
    }
}

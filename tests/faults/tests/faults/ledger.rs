//! The ledger finds what was lost and what was applied twice.

use holdfast_faults::{Ended, Ledger};

fn acknowledged(after: i64, version: i64) -> Ended {
    Ended::Acknowledged { after, version }
}

fn ledger(all: &[Ended]) -> Ledger {
    let mut ledger = Ledger::default();
    for &ended in all {
        ledger.note(0, ended);
    }
    ledger
}

#[test]
fn an_increment_that_was_applied_twice_is_found() {
    let twice = ledger(&[acknowledged(1, 11), acknowledged(3, 13)]);
    assert!(twice.check(&[10], 0, 3).is_err());
    let perhaps = ledger(&[acknowledged(1, 11), Ended::Unknown, acknowledged(3, 13)]);
    assert_eq!(perhaps.check(&[10], 0, 3), Ok(()));
    assert!(perhaps.check(&[10], 0, 4).is_err(), "more than all");
}

#[test]
fn an_acknowledged_increment_that_was_lost_is_found() {
    let lost = ledger(&[acknowledged(1, 11), acknowledged(2, 12)]);
    assert_eq!(lost.check(&[10], 0, 2), Ok(()));
    assert!(lost.check(&[10], 0, 1).is_err());
    assert!(
        lost.check(&[10, 12], 0, 1).is_err(),
        "a new epoch begins at 1 again"
    );
    let answered_twice = ledger(&[acknowledged(1, 11), Ended::Unknown, acknowledged(1, 11)]);
    assert!(answered_twice.check(&[10], 0, 1).is_err());
}

#[test]
fn each_epoch_counts_from_the_beginning() {
    let two = ledger(&[
        acknowledged(1, 11),
        acknowledged(2, 12),
        Ended::NotApplied,
        acknowledged(1, 21),
    ]);
    assert_eq!(two.check(&[10, 20], 0, 1), Ok(()));
    assert_eq!((two.acknowledged(), two.unknown()), (3, 0));
}

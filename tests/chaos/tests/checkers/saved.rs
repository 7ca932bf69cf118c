//! A history on disk is the history.

use holdfast_chaos::history::{Epoch, History, HistoryError, Line, Recording};

use crate::generator::{Plan, generate};

#[test]
fn a_history_that_is_saved_and_loaded_is_the_same() {
    let history = generate(Plan {
        seed: 7,
        processes: 4,
        calls: 200,
        unknown: 5,
        losses: 2,
        exact_expiry: true,
    });
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("history.jsonl");
    history.save(&path).expect("it can be written");
    assert_eq!(History::load(&path).expect("it can be read"), history);
}

#[tokio::test]
async fn what_is_recorded_is_loaded_and_a_run_that_was_cut_short_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("history.jsonl");
    let history = generate(Plan {
        seed: 8,
        processes: 2,
        calls: 50,
        unknown: 0,
        losses: 0,
        exact_expiry: true,
    });
    let recording = Recording::start(&path, history.setting.clone()).expect("it can be begun");
    let recorder = recording.recorder();
    for operation in &history.operations {
        recorder.note(Line::Operation(operation.clone()));
    }
    let first: Epoch = history.epochs[0];
    recorder.note(Line::Epoch(first));
    recording.finish().expect("it can be ended");
    assert_eq!(History::load(&path).expect("it can be read"), history);

    let text = std::fs::read_to_string(&path).expect("it is text");
    let cut = &text[..text.len() - "\"end\"\n".len()];
    std::fs::write(&path, cut).expect("it can be written");
    assert!(matches!(History::load(&path), Err(HistoryError::Incomplete)));
}

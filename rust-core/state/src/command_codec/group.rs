//! Changes of groups as bytes.

use crate::codec::{Reader, Writer};
use crate::command::{GroupCommand, Ownership};
use crate::hash::Slot;
use crate::log_entry::LogError;
use crate::settings::StoreId;
use crate::snapshot::{read_settings, write_settings};

const DEFINE_STORE: u8 = 64;
const OPEN_SESSION: u8 = 65;
const CLOSE_SESSION: u8 = 66;
const SET_SLOT: u8 = 67;
const RAISE_FEATURE_LEVEL: u8 = 68;
const WATCH_HISTORY: u8 = 69;
const BEGIN_EPOCH: u8 = 70;
const SET_BUDGET: u8 = 71;

pub(super) fn write_group_command(out: &mut Writer, command: &GroupCommand<'_>) {
    match *command {
        GroupCommand::DefineStore { id, name, settings } => {
            out.u8(DEFINE_STORE);
            out.u32(id.0);
            out.bytes(name.as_bytes());
            write_settings(out, &settings);
        }
        GroupCommand::OpenSession { session } => {
            out.u8(OPEN_SESSION);
            out.u128(session);
        }
        GroupCommand::CloseSession { session } => {
            out.u8(CLOSE_SESSION);
            out.u128(session);
        }
        GroupCommand::SetSlot {
            slot,
            ownership,
            epoch,
            revision,
        } => {
            out.u8(SET_SLOT);
            out.u16(slot.0);
            out.u8(ownership as u8);
            out.u64(epoch);
            out.i64(revision);
        }
        GroupCommand::RaiseFeatureLevel { level } => {
            out.u8(RAISE_FEATURE_LEVEL);
            out.u32(level);
        }
        GroupCommand::WatchHistory { store, on } => {
            out.u8(WATCH_HISTORY);
            out.u32(store.0);
            out.bool(on);
        }
        GroupCommand::BeginEpoch { epoch, revision } => {
            out.u8(BEGIN_EPOCH);
            out.u64(epoch);
            out.i64(revision);
        }
        GroupCommand::SetBudget { store, bytes } => {
            out.u8(SET_BUDGET);
            out.u32(store.0);
            out.u64(bytes);
        }
    }
}

pub(super) fn read_group_command<'a>(
    number: u8,
    input: &mut Reader<'a>,
) -> Result<GroupCommand<'a>, LogError> {
    Ok(match number {
        DEFINE_STORE => GroupCommand::DefineStore {
            id: StoreId(input.u32()?),
            name: input.text()?,
            settings: read_settings(input)?,
        },
        OPEN_SESSION => GroupCommand::OpenSession {
            session: input.u128()?,
        },
        CLOSE_SESSION => GroupCommand::CloseSession {
            session: input.u128()?,
        },
        SET_SLOT => GroupCommand::SetSlot {
            slot: Slot(input.u16()?),
            ownership: Ownership::read(input)?,
            epoch: input.u64()?,
            revision: input.i64()?,
        },
        RAISE_FEATURE_LEVEL => GroupCommand::RaiseFeatureLevel { level: input.u32()? },
        WATCH_HISTORY => GroupCommand::WatchHistory {
            store: StoreId(input.u32()?),
            on: input.bool()?,
        },
        BEGIN_EPOCH => GroupCommand::BeginEpoch {
            epoch: input.u64()?,
            revision: input.i64()?,
        },
        SET_BUDGET => GroupCommand::SetBudget {
            store: StoreId(input.u32()?),
            bytes: input.u64()?,
        },
        number => return Err(LogError::UnknownCommand { number }),
    })
}

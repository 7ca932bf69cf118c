//! `cluster`: how it is doing, who leads, who belongs to it.

mod shown;

use std::fmt::Write;
use std::time::Duration;

use holdfast_proto::cluster::{
    ClusterStatus, GetClusterRequest, GroupsReformed, Health, LeadersMoved, MoveLeaderRequest, ReformRequest,
    RemoveNodeRequest, RemoveNodeResponse, TransferLeadersRequest,
};
use holdfast_proto::{Code, Error};
use serde_json::{Value, json};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::{AdminClient, authorized, connect, failed, table, within};
use crate::args::{
    ClusterCommand, MoveLeaderArguments, NodeArguments, ReformArguments, RemoveArguments, TransferArguments,
};
use crate::client::Target;
use crate::exit::{Exit, Failure};
use crate::output::Printer;

/// A removal waits for other nodes to take over, unless told otherwise.
const REMOVAL: Duration = Duration::from_secs(30);

/// Runs one of `cluster`'s commands.
pub(crate) async fn run(command: &ClusterCommand, printer: &mut Printer) -> Result<Exit, Failure> {
    match command {
        ClusterCommand::Status(arguments) => status(arguments, printer).await,
        ClusterCommand::Members(arguments) => members(arguments, printer).await,
        ClusterCommand::Remove(arguments) => remove(arguments, printer).await,
        ClusterCommand::MoveLeader(arguments) => move_leader(arguments, printer).await,
        ClusterCommand::Transfer(arguments) => transfer(arguments, printer).await,
        ClusterCommand::Reform(arguments) => reform(arguments, printer).await,
    }
}

async fn status(arguments: &NodeArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let status = get(arguments).await?;
    printer.answer(&shown::status_object(&status), shown::status_text(&status))?;
    Ok(match status.health() {
        Health::Unavailable => Exit::No,
        _ => Exit::Done,
    })
}

async fn members(arguments: &NodeArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let status = get(arguments).await?;
    let nodes: Vec<Value> = status.nodes.iter().map(shown::node_object).collect();
    printer.answer(&json!({"nodes": nodes}), table(&shown::member_rows(&status)))?;
    Ok(Exit::Done)
}

async fn remove(arguments: &RemoveArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let mut target = Target::of(&arguments.asked.connection)?;
    if arguments.asked.connection.timeout.is_none() {
        target.set_timeout(REMOVAL);
    }
    let request = RemoveNodeRequest {
        node: arguments.node.clone(),
        force: arguments.force,
    };
    let removed: RemoveNodeResponse = ask(&target, request, async |mut client, request| {
        client.remove_node(request).await
    })
    .await?;
    let text = match removed.removed {
        true => format!("node '{}' is out of the cluster", removed.name),
        false => format!("the cluster has no node '{}'", removed.name),
    };
    let object = json!({"removed": removed.removed, "node": removed.name});
    printer.answer(&object, text)?;
    Ok(if removed.removed { Exit::Done } else { Exit::No })
}

async fn move_leader(arguments: &MoveLeaderArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let target = Target::of(&arguments.asked.connection)?;
    let node = arguments.node.clone().unwrap_or_default();
    let Some(group) = arguments.group else {
        let request = TransferLeadersRequest {
            to: node,
            ..TransferLeadersRequest::default()
        };
        return print_moves(&moved(&target, request).await?, printer);
    };
    let request = MoveLeaderRequest { group, node };
    let moved = ask(&target, request, async |mut client, request| {
        client.move_leader(request).await
    });
    print_moves(&moved.await?, printer)
}

async fn transfer(arguments: &TransferArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let target = Target::of(&arguments.asked.connection)?;
    let request = TransferLeadersRequest {
        from: arguments.from.clone().unwrap_or_default(),
        to: arguments.to.clone().unwrap_or_default(),
        spread: arguments.spread,
    };
    print_moves(&moved(&target, request).await?, printer)
}

async fn reform(arguments: &ReformArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let mut target = Target::of(&arguments.asked.connection)?;
    if arguments.asked.connection.timeout.is_none() {
        target.set_timeout(REMOVAL);
    }
    let request = ReformRequest {
        force: arguments.force,
    };
    let reformed: GroupsReformed = ask(&target, request, async |mut client, request| {
        client.reform_cluster(request).await
    })
    .await?;
    let list = |groups: &[u32]| groups.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let mut text = format!("started again: groups {}", list(&reformed.groups));
    if !reformed.emptied.is_empty() {
        let _ = write!(text, "\nnothing was left of: groups {}", list(&reformed.emptied));
    }
    let object = json!({"groups": reformed.groups, "emptied": reformed.emptied});
    printer.answer(&object, text)?;
    Ok(Exit::Done)
}

async fn moved(target: &Target, request: TransferLeadersRequest) -> Result<LeadersMoved, Failure> {
    ask(target, request, async |mut client, request| {
        client.transfer_leaders(request).await
    })
    .await
}

/// What was moved; a move that failed is an error after all of them are printed.
fn print_moves(moved: &LeadersMoved, printer: &mut Printer) -> Result<Exit, Failure> {
    printer.answer(&shown::moves_object(moved), shown::moves_text(moved))?;
    let failed = moved.moves.iter().filter(|it| !it.error.is_empty()).count();
    if failed > 0 {
        let message = format!("{failed} of {} leaderships were not moved", moved.moves.len());
        return Err(Error::new(Code::Unavailable, message).into());
    }
    Ok(Exit::Done)
}

async fn get(arguments: &NodeArguments) -> Result<ClusterStatus, Failure> {
    let target = Target::of(&arguments.connection)?;
    ask(&target, GetClusterRequest {}, async |mut client, request| {
        client.get_cluster(request).await
    })
    .await
}

/// Asks the first server that can be reached.
async fn ask<Q, R>(
    target: &Target,
    question: Q,
    call: impl AsyncFnOnce(AdminClient<Channel>, Request<Q>) -> Result<Response<R>, Status>,
) -> Result<R, Failure> {
    within(target, async {
        let (endpoint, channel) = connect(target).await?;
        let request = authorized(target, question)?;
        let asked = call(AdminClient::new(channel), request).await;
        Ok(asked
            .map_err(|status| failed(target, &endpoint, &status))?
            .into_inner())
    })
    .await
}

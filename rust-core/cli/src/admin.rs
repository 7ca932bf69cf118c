//! Commands that ask a server's gRPC services: `health`, `node`, `stores`, `connections`.

pub(crate) mod cluster;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use holdfast_client::Endpoint;
use holdfast_client::remote::TlsOptions;
use holdfast_proto::admin::admin_client::AdminClient;
use holdfast_proto::admin::{ERROR_CODE, GetNodeRequest, ListConnectionsRequest, ListStoresRequest};
use holdfast_proto::{Code, Error};
use serde_json::json;
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::args::NodeArguments;
use crate::client::Target;
use crate::duration;
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use crate::text::size;

/// `health`
pub(crate) async fn health(arguments: &NodeArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let target = Target::of(&arguments.connection)?;
    let (endpoint, status) = within(&target, async {
        let (endpoint, channel) = connect(&target).await?;
        let asked = HealthClient::new(channel)
            .check(HealthCheckRequest::default())
            .await;
        let status = asked
            .map_err(|status| failed(&target, &endpoint, &status))?
            .into_inner()
            .status();
        Ok((endpoint, status))
    })
    .await?;
    let word = match status {
        ServingStatus::Serving => "serving",
        ServingStatus::NotServing => "not serving",
        ServingStatus::Unknown | ServingStatus::ServiceUnknown => "unknown",
    };
    let serving = status == ServingStatus::Serving;
    let object = json!({"serving": serving, "status": word, "address": endpoint.to_string()});
    printer.answer(&object, format!("{endpoint} {word}"))?;
    Ok(if serving { Exit::Done } else { Exit::No })
}

/// `node`
pub(crate) async fn node(arguments: &NodeArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let target = Target::of(&arguments.connection)?;
    let (endpoint, node) = within(&target, async {
        let (endpoint, channel) = connect(&target).await?;
        let asked = AdminClient::new(channel)
            .get_node(authorized(&target, GetNodeRequest {})?)
            .await;
        Ok((
            endpoint.clone(),
            asked
                .map_err(|status| failed(&target, &endpoint, &status))?
                .into_inner(),
        ))
    })
    .await?;
    let object = json!({
        "name": node.name,
        "address": endpoint.to_string(),
        "version": node.version,
        "epoch": node.epoch,
        "incarnation": hex(&node.incarnation),
        "cluster_id": hex(&node.cluster_id),
        "uptime_ms": node.uptime_ms,
        "memory_used": node.memory_used,
        "memory_limit": node.memory_limit,
        "connections": node.connections,
        "sessions": node.sessions,
        "requests": node.requests,
        "stopping": node.stopping,
    });
    let memory = format!("{} of {}", size(node.memory_used), size(node.memory_limit));
    let rows = [
        ("name", node.name),
        ("address", endpoint.to_string()),
        ("version", node.version),
        ("epoch", node.epoch.to_string()),
        ("uptime", duration::shown(node.uptime_ms)),
        ("memory", memory),
        ("connections", node.connections.to_string()),
        ("sessions", node.sessions.to_string()),
        ("requests", node.requests.to_string()),
        ("stopping", if node.stopping { "yes" } else { "no" }.to_owned()),
    ];
    let lines: Vec<String> = rows
        .iter()
        .map(|(name, value)| format!("{name:<13}{value}"))
        .collect();
    printer.answer(&object, lines.join("\n"))?;
    Ok(Exit::Done)
}

/// `stores`
pub(crate) async fn stores(arguments: &NodeArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let target = Target::of(&arguments.connection)?;
    let stores = within(&target, async {
        let (endpoint, channel) = connect(&target).await?;
        let request = authorized(&target, ListStoresRequest::default())?;
        let asked = AdminClient::new(channel).list_stores(request).await;
        Ok(asked
            .map_err(|status| failed(&target, &endpoint, &status))?
            .into_inner()
            .stores)
    })
    .await?;
    let objects: Vec<_> = stores
        .iter()
        .map(|store| {
            json!({
                "name": store.name, "class": store.class, "entries": store.entries, "bytes": store.bytes,
                "max_memory": store.max_memory, "max_value": store.max_value, "hits": store.hits,
                "misses": store.misses, "evictions": store.evictions, "expirations": store.expirations,
                "changes": store.changes,
            })
        })
        .collect();
    let mut rows =
        vec![["NAME", "CLASS", "ENTRIES", "MEMORY", "BUDGET", "HITS", "MISSES"].map(str::to_owned)];
    rows.extend(stores.into_iter().map(|store| {
        [
            store.name,
            store.class,
            store.entries.to_string(),
            size(store.bytes),
            size(store.max_memory),
            store.hits.to_string(),
            store.misses.to_string(),
        ]
    }));
    printer.answer(&json!({"stores": objects}), table(&rows))?;
    Ok(Exit::Done)
}

/// `connections`
pub(crate) async fn connections(arguments: &NodeArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let target = Target::of(&arguments.connection)?;
    let connections = within(&target, async {
        let (endpoint, channel) = connect(&target).await?;
        let request = authorized(&target, ListConnectionsRequest {})?;
        let asked = AdminClient::new(channel).list_connections(request).await;
        Ok(asked
            .map_err(|status| failed(&target, &endpoint, &status))?
            .into_inner()
            .connections)
    })
    .await?;
    let objects: Vec<_> = connections
        .iter()
        .map(|one| {
            json!({
                "peer": one.peer, "client_name": one.client_name, "client_version": one.client_version,
                "tenant": one.tenant, "connected_ms": one.connected_ms, "requests": one.requests,
                "bytes_in_flight": one.bytes_in_flight,
            })
        })
        .collect();
    let mut rows = vec![["PEER", "CLIENT", "VERSION", "TENANT", "CONNECTED", "REQUESTS"].map(str::to_owned)];
    rows.extend(connections.into_iter().map(|one| {
        [
            one.peer,
            one.client_name,
            one.client_version,
            one.tenant,
            duration::shown(one.connected_ms),
            one.requests.to_string(),
        ]
    }));
    printer.answer(&json!({"connections": objects}), table(&rows))?;
    Ok(Exit::Done)
}

/// The first server that can be reached.
async fn connect(target: &Target) -> Result<(Endpoint, Channel), Failure> {
    let tls = target.tls().map(tls_config).transpose()?;
    let each = target.timeout().min(Duration::from_secs(2));
    let mut last = None;
    for endpoint in target.endpoints() {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut channel = Channel::from_shared(format!("{scheme}://{endpoint}"))
            .map_err(|error| Failure::usage(format!("'{endpoint}' is no host and port: {error}")))?
            .connect_timeout(each)
            .tcp_nodelay(true);
        if let Some(tls) = &tls {
            let mut tls = tls.clone();
            if let Some(name) = target.tls().and_then(|tls| tls.server_name.as_ref()) {
                tls = tls.domain_name(name);
            }
            channel = channel
                .tls_config(tls)
                .map_err(|error| unreachable(endpoint, &error))?;
        }
        match channel.connect().await {
            Ok(channel) => return Ok((endpoint.clone(), channel)),
            Err(error) => last = Some(unreachable(endpoint, &error)),
        }
    }
    Err(last.expect("a connection string has an endpoint"))
}

/// The command's whole time.
async fn within<T>(target: &Target, asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let timeout = target.timeout();
    tokio::time::timeout(timeout, asked).await.unwrap_or_else(|_| {
        let servers: Vec<String> = target.endpoints().iter().map(ToString::to_string).collect();
        let message = format!("no answer from {} within {timeout:?}", servers.join(", "));
        Err(Error::new(Code::Timeout, message).into())
    })
}

fn authorized<T>(target: &Target, message: T) -> Result<Request<T>, Failure> {
    let mut request = Request::new(message);
    if let Some(token) = target.token() {
        let mut value = MetadataValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Failure::usage("the token has characters that an HTTP header cannot carry"))?;
        value.set_sensitive(true);
        request.metadata_mut().insert("authorization", value);
    }
    Ok(request)
}

fn tls_config(options: &TlsOptions) -> Result<ClientTlsConfig, Failure> {
    let mut config = ClientTlsConfig::new();
    config = match &options.ca {
        Some(file) => config.ca_certificate(Certificate::from_pem(read("tls-ca", file)?)),
        None => config.with_native_roots(),
    };
    if let (Some(certificate), Some(key)) = (&options.certificate, &options.key) {
        config = config.identity(Identity::from_pem(
            read("tls-certificate", certificate)?,
            read("tls-key", key)?,
        ));
    }
    Ok(config)
}

fn read(setting: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| {
        let message = format!(
            "setting '{setting}' is '{}': it cannot be read: {error}",
            file.display()
        );
        Error::new(Code::InvalidSetting, message).into()
    })
}

#[cold]
fn unreachable(endpoint: &Endpoint, error: &dyn std::error::Error) -> Failure {
    // The outer errors say only that it failed; the innermost one says why.
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Error::new(
        Code::Unavailable,
        format!("{endpoint} cannot be reached: {cause}"),
    )
    .into()
}

#[cold]
fn failed(target: &Target, endpoint: &Endpoint, status: &Status) -> Failure {
    // Not the server's answer: the connection broke, or somebody else listens there.
    if std::error::Error::source(status).is_some() {
        let remedy = match target.tls() {
            None => "does it want TLS (--tls, --tls-ca), or is another program there?",
            Some(_) => "does it want a client's certificate (--tls-certificate, --tls-key)?",
        };
        let message = format!(
            "{endpoint} ended the connection without an answer ({}): {remedy}",
            status.message()
        );
        return Error::new(Code::Unavailable, message).into();
    }
    let said = status
        .metadata()
        .get(ERROR_CODE)
        .and_then(|code| code.to_str().ok());
    if let Some(code) = said.and_then(|code| Code::from_number(code.parse().ok()?)) {
        return Error::new(code, status.message()).into();
    }
    let code = match status.code() {
        tonic::Code::Unauthenticated | tonic::Code::PermissionDenied => Code::Unauthenticated,
        tonic::Code::DeadlineExceeded => Code::Timeout,
        tonic::Code::Unimplemented => Code::Unsupported,
        tonic::Code::Internal => Code::Internal,
        _ => Code::Unavailable,
    };
    Error::new(code, format!("{endpoint}: {}", status.message())).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Columns as wide as their widest cell.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

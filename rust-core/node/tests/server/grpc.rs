//! gRPC connections: where the node has a token, only those that bring it may stay.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use holdfast_proto::admin::GetNodeRequest;
use holdfast_proto::admin::admin_client::AdminClient;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

use crate::peer::{PATIENCE, Served};

/// HTTP/2's preface and empty settings.
const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn with_token(hello_timeout: Duration) -> Served {
    Served::with(|options| {
        options.token = Some("secret".to_owned());
        options.limits.hello_timeout = hello_timeout;
    })
}

/// Opens a gRPC connection, makes no call, and returns when it is cut.
fn wait_to_be_cut(served: &Served) {
    let mut stream = TcpStream::connect(served.address()).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.write_all(OPENING).expect("it takes the first words");
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
}

async fn ask(client: &mut AdminClient<Channel>, token: &str) -> Result<String, tonic::Code> {
    let mut request = Request::new(GetNodeRequest {});
    let bearer = format!("Bearer {token}").parse().expect("ASCII");
    request.metadata_mut().insert("authorization", bearer);
    let answer = client.get_node(request).await;
    answer
        .map(|node| node.into_inner().name)
        .map_err(|status| status.code())
}

#[test]
fn a_connection_that_does_not_bring_the_token_in_time_gives_its_place_back() {
    let served = with_token(Duration::from_millis(50));
    wait_to_be_cut(&served);
    served.wait_until("its place is free", |shared| shared.connection_count() == 0);
}

#[test]
fn a_connection_that_has_brought_the_token_stays() {
    let served = with_token(Duration::from_secs(1));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let endpoint = Endpoint::from_shared(format!("http://{}", served.address())).expect("an address");
    let channel = runtime.block_on(endpoint.connect()).expect("it connects");
    let mut client = AdminClient::new(channel);
    let refused = runtime.block_on(ask(&mut client, "guessed"));
    assert_eq!(refused, Err(tonic::Code::Unauthenticated));
    assert_eq!(
        runtime.block_on(ask(&mut client, "secret")),
        Ok("tested".to_owned())
    );
    // Its time began later: the first one's is over too.
    wait_to_be_cut(&served);
    assert_eq!(
        runtime.block_on(ask(&mut client, "secret")),
        Ok("tested".to_owned())
    );
    assert_eq!(served.shared().totals().connections_accepted, 2);
}

#[test]
fn a_node_without_a_token_cuts_nobody() {
    let served = Served::with(|options| options.limits.hello_timeout = Duration::from_millis(50));
    let mut stream = TcpStream::connect(served.address()).expect("the server listens");
    stream.write_all(OPENING).expect("it takes the first words");
    served.wait_until("it is there", |shared| shared.connection_count() == 1);
    // Far longer than the time that a session has.
    stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .expect("a time-out");
    let ended = stream.read_to_end(&mut Vec::new());
    assert!(ended.is_err(), "it ended after {ended:?} bytes");
    assert_eq!(served.shared().connection_count(), 1);
}

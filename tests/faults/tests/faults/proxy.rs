//! The proxy does to connections what it is told, and no more.

use std::time::Duration;

use holdfast_faults::{Behaviour, Cut, Direction, Proxy, echo, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LONG: Duration = Duration::from_secs(20);

async fn through(proxy: &Proxy, sent: &[u8]) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(proxy.address()).await.expect("it accepts");
    stream.write_all(sent).await.expect("it is open");
    let mut came = Vec::new();
    let mut buffer = vec![0; sent.len()];
    while came.len() < sent.len() {
        match within(LONG, "an echo", stream.read(&mut buffer)).await {
            Ok(count @ 1..) => came.extend_from_slice(&buffer[..count]),
            _ => break,
        }
    }
    (stream, came)
}

#[tokio::test]
async fn bytes_pass_until_the_cut_and_a_cut_ends_the_connection() {
    let proxy = Proxy::start(echo().await, 1).await;
    let sent: Vec<u8> = (0..5_000_u32).map(|at| at as u8).collect();
    assert_eq!(through(&proxy, &sent).await.1, sent);
    for direction in [Direction::ToNode, Direction::ToClient] {
        proxy.behave(Behaviour {
            cut: Some(Cut {
                direction,
                after: (1_234, 1_234),
            }),
            ..Behaviour::default()
        });
        let came = through(&proxy, &sent).await.1;
        assert!(came.len() <= 1_234 && sent.starts_with(&came), "{}", came.len());
    }
    assert_eq!((proxy.cuts(), proxy.accepted()), (2, 3));
    proxy.behave(Behaviour::default());
    let (mut stream, came) = through(&proxy, &sent).await;
    assert_eq!(came, sent);
    proxy.cut_all();
    let end = within(LONG, "the end", stream.read(&mut [0; 10])).await;
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

#[tokio::test]
async fn a_dropped_direction_and_a_silent_proxy_keep_the_connection_and_say_nothing() {
    let proxy = Proxy::start(echo().await, 1).await;
    let (mut stream, _) = through(&proxy, b"works").await;
    for direction in [Direction::ToNode, Direction::ToClient] {
        proxy.behave(Behaviour {
            drop: Some(direction),
            ..Behaviour::default()
        });
        stream.write_all(b"vanishes").await.expect("it is open");
        let mut buffer = [0; 8];
        let read = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut buffer));
        assert!(read.await.is_err(), "{direction:?} passes");
    }
    proxy.behave(Behaviour {
        silent: true,
        ..Behaviour::default()
    });
    let mut silent = TcpStream::connect(proxy.address()).await.expect("it accepts");
    silent.write_all(b"hello").await.expect("it is open");
    let read = tokio::time::timeout(Duration::from_millis(100), silent.read_u8());
    assert!(read.await.is_err(), "it says something");
}

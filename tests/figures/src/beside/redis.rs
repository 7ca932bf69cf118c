//! `SET` and `WAIT 1` over a connection of one's own: `WAIT` holds up all that comes behind it on a connection, so that
//! callers who share one would wait for each other.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::Setter;

pub(super) struct Redis {
    replies: BufReader<OwnedReadHalf>,
    commands: OwnedWriteHalf,
    buffer: Vec<u8>,
    line: String,
}

impl Redis {
    pub(super) async fn connect(address: &str) -> Result<Redis, String> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| format!("{address}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (read, write) = stream.into_split();
        Ok(Redis {
            replies: BufReader::new(read),
            commands: write,
            buffer: Vec::new(),
            line: String::new(),
        })
    }

    async fn reply(&mut self) -> Result<&str, String> {
        self.line.clear();
        self.replies
            .read_line(&mut self.line)
            .await
            .map_err(|error| error.to_string())?;
        Ok(self.line.trim_end())
    }
}

impl Setter for Redis {
    fn set<'a>(&'a mut self, key: &'a str, value: &'a [u8]) -> BoxFuture<'a, Result<(), String>> {
        async move {
            self.buffer.clear();
            let head = format!(
                "*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n",
                key.len(),
                value.len()
            );
            self.buffer.extend_from_slice(head.as_bytes());
            self.buffer.extend_from_slice(value);
            self.buffer
                .extend_from_slice(b"\r\n*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$4\r\n5000\r\n");
            self.commands
                .write_all(&self.buffer)
                .await
                .map_err(|error| error.to_string())?;
            let set = self.reply().await?;
            if set != "+OK" {
                return Err(format!("SET: {set}"));
            }
            match self.reply().await?.strip_prefix(':').map(str::parse::<u32>) {
                Some(Ok(1..)) => Ok(()),
                _ => Err(format!("WAIT: {}", self.line)),
            }
        }
        .boxed()
    }
}

//! A proxy of TCP connections that fails as networks do.
//!
//! It knows nothing of what goes through it, so that TLS stays between the client and the real server. What one request
//! meets rather than one connection is the business of `claw_testkit::reverse_proxy`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::wait_until;
use crate::error::Error;

/// Most bytes that are handed on at once.
const PIECE: usize = 16 << 10;

/// What connections through a [`TcpProxy`] meet. Bytes are those of answers, counted for each connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Condition {
    /// Everything goes through.
    #[default]
    Open,
    /// The connection is reset once so many bytes have gone through; with none, as soon as it is made.
    Reset {
        /// Bytes that still arrive.
        after: u64,
    },
    /// The connection is half open once so many bytes have gone through: it stays, and nothing comes any more.
    Silent {
        /// Bytes that still arrive.
        after: u64,
    },
    /// Answers come in pieces, with a pause before each.
    Slow {
        /// Size of a piece.
        bytes: usize,
        /// The pause.
        pause: Duration,
    },
}

/// A proxy on a free port of this machine. The condition can be changed while connections are open; dropping the proxy
/// ends them.
#[derive(Debug)]
pub struct TcpProxy {
    url: String,
    state: watch::Sender<State>,
    counters: Arc<Counters>,
    accepting: JoinHandle<()>,
}

/// What connections look at.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    condition: Condition,
    /// How often all connections were cut.
    cuts: u64,
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU64,
    asked: AtomicU64,
}

impl TcpProxy {
    /// Listens before the server at `url`, an address with a port.
    pub async fn before(url: &str) -> Result<Self, Error> {
        let failed = |why: String| Error::Service {
            doing: format!("put a proxy before {url}"),
            why,
        };
        let uri: http::Uri = url
            .parse()
            .map_err(|error: http::uri::InvalidUri| failed(error.to_string()))?;
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let server = tokio::net::lookup_host(&authority).await;
        let server = server.map_err(|error| failed(error.to_string()))?.next();
        let server = server.ok_or_else(|| failed("it has no address".to_owned()))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.map_err(|error| failed(error.to_string()))?;
        let own = listener.local_addr().map_err(|error| failed(error.to_string()))?;
        let state = watch::Sender::new(State::default());
        let counters = Arc::<Counters>::default();
        let accepting = tokio::spawn(accept(listener, server, state.subscribe(), Arc::clone(&counters)));
        Ok(Self {
            url: format!("{}://{own}", uri.scheme_str().unwrap_or("http")),
            state,
            counters,
            accepting,
        })
    }

    /// Where clients connect to. The scheme is that of the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes what connections meet from now on, those that are open among them.
    pub fn set(&self, condition: Condition) {
        self.state.send_modify(|state| state.condition = condition);
    }

    /// Resets all connections. New ones are accepted.
    pub fn cut(&self) {
        self.state
            .send_modify(|state| state.cuts = state.cuts.wrapping_add(1));
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> u64 {
        self.counters.connections.load(Ordering::Relaxed)
    }

    /// How many bytes clients have sent so far.
    pub fn asked(&self) -> u64 {
        self.counters.asked.load(Ordering::Relaxed)
    }

    /// Waits until clients have sent more than `before` bytes: something was asked.
    pub async fn is_asked(&self, before: u64, within: Duration) -> Result<(), Error> {
        wait_until(within, "a request through the proxy", async || {
            Ok(if self.asked() > before {
                Ok(())
            } else {
                Err("none yet".to_owned())
            })
        })
        .await
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    state: watch::Receiver<State>,
    counters: Arc<Counters>,
) {
    // Ends with this task, and so do the connections.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                counters.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(carry(client, server, state.clone(), Arc::clone(&counters)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Closed,
    Reset,
}

async fn carry(
    mut client: TcpStream,
    server: SocketAddr,
    mut state: watch::Receiver<State>,
    counters: Arc<Counters>,
) {
    let end = match TcpStream::connect(server).await {
        Ok(mut server) => {
            // Small pieces must not wait for an acknowledgement. A connection that is gone shows when it is used.
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let (mut questions, mut to_client) = client.split();
            let (mut answers, mut to_server) = server.split();
            // One that has nothing more to ask is gone: clients of HTTP do not close one direction alone.
            tokio::select! {
                end = ask(&mut questions, &mut to_server, &counters.asked) => end,
                end = answer(&mut answers, &mut to_client, &mut state) => end,
            }
        }
        // As if nobody listened.
        Err(_) => End::Reset,
    };
    if end == End::Reset {
        // Without it the client would see an orderly end. What has ended already needs none.
        let _ = client.set_zero_linger();
    }
}

async fn ask(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    asked: &AtomicU64,
) -> End {
    let mut buffer = vec![0; PIECE];
    loop {
        let Ok(count) = from.read(&mut buffer).await else {
            return End::Reset;
        };
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() || to.write_all(piece).await.is_err() {
            return End::Closed;
        }
        asked.fetch_add(count as u64, Ordering::Relaxed);
    }
}

async fn answer(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    state: &mut watch::Receiver<State>,
) -> End {
    let mut buffer = vec![0; PIECE];
    let mut passed = 0_u64;
    let cuts = state.borrow().cuts;
    loop {
        let now = *state.borrow_and_update();
        if now.cuts != cuts {
            return End::Reset;
        }
        let (limit, pause) = match now.condition {
            Condition::Open => (PIECE, Duration::ZERO),
            Condition::Slow { bytes, pause } => (bytes.clamp(1, PIECE), pause),
            Condition::Reset { after } | Condition::Silent { after } => {
                let left = usize::try_from(after.saturating_sub(passed)).unwrap_or(PIECE);
                (left.min(PIECE), Duration::ZERO)
            }
        };
        let piece = buffer.get_mut(..limit).unwrap_or_default();
        let count = match (piece.is_empty(), now.condition) {
            (true, Condition::Reset { .. }) => return End::Reset,
            (true, _) => match state.changed().await {
                Ok(()) => continue,
                Err(_) => return End::Reset,
            },
            (false, _) => tokio::select! {
                changed = state.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return End::Reset,
                },
                count = from.read(piece) => count,
            },
        };
        let Ok(count) = count else {
            return End::Reset;
        };
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() || to.write_all(piece).await.is_err() {
            return End::Closed;
        }
        passed = passed.saturating_add(count as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::time::{Instant, timeout};

    use super::*;

    /// Long enough for what happens, and short enough for what does not.
    const MOMENT: Duration = Duration::from_millis(100);

    /// A server that answers each byte with a thousand, and a client of it through a proxy.
    async fn connected() -> (TcpProxy, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    while let Ok(byte) = client.read_u8().await {
                        client.write_all(&[byte; 1000]).await.unwrap();
                    }
                });
            }
        });
        let proxy = TcpProxy::before(&format!("http://{address}")).await.unwrap();
        let own = proxy.url().strip_prefix("http://").unwrap();
        let client = TcpStream::connect(own).await.unwrap();
        (proxy, client)
    }

    async fn exchange(client: &mut TcpStream) -> std::io::Result<usize> {
        client.write_u8(7).await?;
        let mut bytes = [0; 1000];
        client.read_exact(&mut bytes).await
    }

    #[tokio::test]
    async fn what_is_open_lets_everything_through_and_counts() {
        let (proxy, mut client) = connected().await;
        for _ in 0..3 {
            assert_eq!(exchange(&mut client).await.unwrap(), 1000);
        }
        assert_eq!((proxy.connections(), proxy.asked()), (1, 3));
    }

    #[tokio::test]
    async fn a_connection_is_reset_after_so_many_bytes() {
        let (proxy, mut client) = connected().await;
        exchange(&mut client).await.unwrap();
        proxy.set(Condition::Reset { after: 1500 });
        client.write_u8(7).await.unwrap();
        let mut bytes = Vec::new();
        let error = client.read_to_end(&mut bytes).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        // A reset may overtake what was sent before it.
        assert!(bytes.len() <= 500, "{}", bytes.len());
    }

    #[tokio::test]
    async fn connections_are_cut_at_once_and_new_ones_are_accepted() {
        let (proxy, mut client) = connected().await;
        exchange(&mut client).await.unwrap();
        proxy.cut();
        let error = client.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let own = proxy.url().strip_prefix("http://").unwrap();
        let mut client = TcpStream::connect(own).await.unwrap();
        exchange(&mut client).await.unwrap();
    }

    #[tokio::test]
    async fn a_silent_connection_stays_and_wakes_up() {
        let (proxy, mut client) = connected().await;
        exchange(&mut client).await.unwrap();
        proxy.set(Condition::Silent { after: 0 });
        client.write_u8(7).await.unwrap();
        assert!(timeout(MOMENT, client.read_u8()).await.is_err());
        proxy.set(Condition::Open);
        assert_eq!(client.read_u8().await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_slow_connection_takes_its_time() {
        let (proxy, mut client) = connected().await;
        let (bytes, pause) = (100, Duration::from_millis(10));
        proxy.set(Condition::Slow { bytes, pause });
        let begin = Instant::now();
        assert_eq!(exchange(&mut client).await.unwrap(), 1000);
        assert!(begin.elapsed() >= pause * 10, "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn where_nobody_listens_connections_are_reset() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let proxy = TcpProxy::before(&format!("https://{address}")).await.unwrap();
        let own = proxy.url().strip_prefix("https://").unwrap();
        let mut client = TcpStream::connect(own).await.unwrap();
        let error = client.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn connections_end_with_the_proxy() {
        let (proxy, mut client) = connected().await;
        proxy.set(Condition::Silent { after: 0 });
        exchange_is_under_way(&proxy, &mut client).await;
        drop(proxy);
        let ended = timeout(Duration::from_secs(5), client.read_u8()).await;
        assert!(ended.unwrap().is_err());
    }

    async fn exchange_is_under_way(proxy: &TcpProxy, client: &mut TcpStream) {
        client.write_u8(7).await.unwrap();
        proxy.is_asked(0, Duration::from_secs(5)).await.unwrap();
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_refused() {
        let error = TcpProxy::before("nowhere").await.unwrap_err().line();
        assert!(error.starts_with("put a proxy before nowhere: "), "{error}");
    }
}

//! A server on the loopback interface that leaves nothing behind.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::Router;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A running HTTP server on a free port of 127.0.0.1.
///
/// Dropping it closes the port, breaks all open connections and cancels the requests on them.
#[derive(Debug)]
pub struct Loopback {
    addr: SocketAddr,
    lifeline: Arc<Lifeline>,
    task: JoinHandle<()>,
}

impl Loopback {
    /// Serves `router` on a free port.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn serve(router: Router) -> io::Result<Self> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = tcp.local_addr()?;
        let lifeline = Arc::new(Lifeline::default());
        let listener = Cuttable {
            tcp,
            lifeline: lifeline.clone(),
        };
        let task = tokio::spawn(async move {
            // Ends only when it is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { addr, lifeline, task })
    }

    /// The address of the server.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base address, without a trailing slash: `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Breaks all open connections. New ones are accepted.
    pub fn cut_connections(&self) {
        self.lifeline.renew().cancel();
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.task.abort();
        self.cut_connections();
    }
}

/// The token that all current connections live on.
#[derive(Debug, Default)]
struct Lifeline(Mutex<CancellationToken>);

impl Lifeline {
    fn current(&self) -> CancellationToken {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a fresh token in place and returns the old one.
    fn renew(&self) -> CancellationToken {
        let mut token = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *token)
    }
}

struct Cuttable {
    tcp: TcpListener,
    lifeline: Arc<Lifeline>,
}

impl Listener for Cuttable {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (tcp, addr) = Listener::accept(&mut self.tcp).await;
        // Small answers must not wait for the client's delayed acknowledgement.
        let _ = tcp.set_nodelay(true);
        (
            Connection {
                tcp,
                cut: Box::pin(self.lifeline.current().cancelled_owned()),
            },
            addr,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// A connection that fails as soon as its token is cancelled.
///
/// The server drops a request's future when reading from its connection fails, so this cancels handlers too.
struct Connection {
    tcp: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Connection {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    struct SetOnDrop(Arc<AtomicBool>);
    impl Drop for SetOnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn dropping_the_server_cancels_requests_and_closes_connections() {
        let cancelled = Arc::new(AtomicBool::new(false));
        let entered = Arc::new(tokio::sync::Notify::new());
        let router = Router::new().route(
            "/",
            get({
                let (cancelled, entered) = (cancelled.clone(), entered.clone());
                move || async move {
                    let _guard = SetOnDrop(cancelled);
                    entered.notify_one();
                    std::future::pending::<()>().await;
                }
            }),
        );
        let server = Loopback::serve(router).await.unwrap();
        let mut client = TcpStream::connect(server.addr()).await.unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        entered.notified().await;
        let addr = server.addr();
        drop(server);
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), client.read_to_end(&mut rest)).await;
        assert!(read.is_ok(), "the connection must end");
        assert!(rest.is_empty());
        assert!(cancelled.load(Ordering::SeqCst), "the handler must be cancelled");
        assert!(TcpStream::connect(addr).await.is_err(), "the port must be closed");
    }

    #[tokio::test]
    async fn cutting_connections_keeps_the_server() {
        let server = Loopback::serve(Router::new().route("/", get(|| async { "ok" })))
            .await
            .unwrap();
        let mut idle = TcpStream::connect(server.addr()).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let mut head = [0_u8; 12];
        idle.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        server.cut_connections();
        let mut rest = Vec::new();
        tokio::time::timeout(Duration::from_secs(5), idle.read_to_end(&mut rest))
            .await
            .unwrap()
            .unwrap();
        let mut again = TcpStream::connect(server.addr()).await.unwrap();
        again.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
        let mut text = String::new();
        again.read_to_string(&mut text).await.unwrap();
        assert!(text.ends_with("ok"), "{text}");
    }
}

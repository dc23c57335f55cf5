//! An S3 server for tests: s3s with its store of files, on a socket of its own.
//!
//! In: the name of a bucket. Out: where the server is, who may ask, and the folder it keeps its
//! objects in. Dropping it ends it.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;

/// Who may ask.
pub(crate) const KEY_ID: &str = "test-key";
/// What that is proved with.
pub(crate) const SECRET: &str = "test-secret";

/// A server with one bucket, gone after the test.
pub(crate) struct BucketServer {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) endpoint: String,
    /// Ends the server.
    _runtime: tokio::runtime::Runtime,
}

impl BucketServer {
    /// Starts it with an empty bucket of this name.
    pub(crate) fn start(bucket: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join(bucket)).expect("a bucket");
        let files = s3s_fs::FileSystem::new(folder.path()).expect("a store");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = builder.build();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener =
            runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        drop(runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                drop(tokio::spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    drop(http.serve_connection(TokioIo::new(socket), service).await);
                }));
            }
        }));
        Self { folder, endpoint, _runtime: runtime }
    }
}

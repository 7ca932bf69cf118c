//! From the connection flags to a client: who is asked, as whom, and for which store.

use std::path::PathBuf;
use std::time::Duration;

use holdfast_client::remote::{Answer, AsyncClient, ClientOptions, RemoteOptions, TlsOptions};
use holdfast_client::{ConnectionString, Endpoint, StoreSettings, Topology};
use holdfast_proto::session::{Operation, RequestHeader};
use holdfast_proto::{Code, Error};

use crate::args::ConnectionArguments;
use crate::exit::Failure;

/// What the connection flags say.
pub(crate) struct Target {
    endpoints: Vec<Endpoint>,
    tls: Option<TlsOptions>,
    connection: ConnectionString,
    /// As it was asked for: `name` or `tenant/name`.
    store: String,
}

/// A store on a server.
pub(crate) struct Client {
    inner: AsyncClient,
    /// Whether its command is one that never makes a store.
    never_makes: bool,
}

impl Target {
    /// Checks the flags; asks nobody.
    pub(crate) fn of(arguments: &ConnectionArguments) -> Result<Target, Failure> {
        let given = explicit(arguments);
        let pairs: Vec<(&str, &str)> = given
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let tls = arguments.tls || arguments.tls_ca.is_some() || arguments.tls_certificate.is_some();
        let text = match &arguments.url {
            Some(url) if tls && url.starts_with("holdfast:") => url.replacen("holdfast:", "holdfasts:", 1),
            Some(url) => url.clone(),
            None => format!("holdfast{}://{}", if tls { "s" } else { "" }, arguments.server),
        };
        let connection = ConnectionString::parse(&text, &pairs)?;
        let Topology::Hosts { endpoints, tls } = connection.topology.clone() else {
            return Err(Failure::usage(
                "'embedded' has no server to ask: name one, as in --server 127.0.0.1:7861",
            ));
        };
        let store = match &arguments.store {
            Some(store) => {
                holdfast_client::connection_string::parse_store_name(store)?;
                store.clone()
            }
            None => connection.store.clone(),
        };
        Ok(Target {
            endpoints,
            tls: tls.then(|| tls_options(&connection)),
            connection,
            store,
        })
    }

    /// Servers to ask in turn.
    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// How to encrypt.
    pub(crate) fn tls(&self) -> Option<&TlsOptions> {
        self.tls.as_ref()
    }

    /// What the server asks for.
    pub(crate) fn token(&self) -> Option<&str> {
        self.connection
            .settings
            .client
            .token
            .as_ref()
            .map(|token| token.expose())
    }

    /// Lets the command wait for so long.
    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.connection.settings.client.timeout = Some(timeout);
    }

    /// How long a command may wait.
    pub(crate) fn timeout(&self) -> Duration {
        self.connection.settings.client.timeout_or_default()
    }

    /// Uses this store unless the flags name one.
    pub(crate) fn default_store(mut self, arguments: &ConnectionArguments, store: &str) -> Target {
        if arguments.store.is_none() && arguments.url.is_none() {
            self.store = store.to_owned();
        }
        self
    }

    /// A client whose requests fail when there is no such store.
    pub(crate) fn open(&self) -> Result<Client, Failure> {
        let client = self.client("holdfast-cli", &StoreSettings::default(), false)?;
        Ok(Client {
            never_makes: true,
            ..client
        })
    }

    /// A client that makes the store, of this class, when there is none.
    pub(crate) fn open_or_make(&self, class: Option<&str>) -> Result<Client, Failure> {
        self.client_named("holdfast-cli", class)
    }

    /// The same with a connection of its own for each name.
    pub(crate) fn client_named(&self, name: &str, class: Option<&str>) -> Result<Client, Failure> {
        let pairs: Vec<(&str, &str)> = class.map(|class| ("class", class)).into_iter().collect();
        let mut settings = self.connection.settings.store;
        if class.is_some() {
            settings.given.class = StoreSettings::from_pairs(&pairs)?.given.class;
        }
        let make = self.connection.settings.client.auto_create_stores_or_default();
        self.client(name, &settings, make)
    }

    fn client(&self, name: &str, store: &StoreSettings, make: bool) -> Result<Client, Failure> {
        let settings = &self.connection.settings.client;
        let mut options = RemoteOptions::new(self.endpoints.clone());
        options.tls = self.tls.clone();
        options.tenant = self.connection.tenant.clone();
        options.token = self.token().map(str::to_owned);
        options.client_name = Some(settings.client_name.clone().unwrap_or_else(|| name.to_owned()));
        options.connect_timeout = settings.connect_timeout_or_default();
        let mut client_options = ClientOptions::from(settings);
        client_options.auto_create_stores = make;
        let inner = AsyncClient::open(options, client_options, &self.store, store)?;
        Ok(Client {
            inner,
            never_makes: false,
        })
    }
}

impl Client {
    /// One request.
    pub(crate) async fn call(
        &self,
        request: RequestHeader,
        key: &[u8],
        value: &[u8],
    ) -> Result<Answer, Error> {
        let answered = self.inner.call(request, key, value).await;
        answered.map_err(|mut error| {
            // Nobody who types a command has turned that setting off.
            if error.code == Code::StoreNotFound && self.never_makes {
                error.message = error.message.replace(
                    " and auto-create-stores is off",
                    ": put, incr and bench make a store, other commands do not",
                );
            }
            error
        })
    }

    /// One request of an operation without operands.
    pub(crate) async fn ask(&self, operation: Operation, key: &[u8]) -> Result<Answer, Error> {
        self.call(request(operation), key, b"").await
    }

    /// Ends the connection.
    pub(crate) async fn close(self) {
        self.inner.close().await;
    }
}

/// A request of this operation.
pub(crate) fn request(operation: Operation) -> RequestHeader {
    RequestHeader {
        operation: operation as i32,
        ..RequestHeader::default()
    }
}

/// What was expected of a reply and is not in it.
#[cold]
pub(crate) fn incomplete(what: &str) -> Failure {
    let message = format!("the server's reply has no {what}: it may be of another version");
    Error::new(Code::Internal, message).into()
}

fn explicit(arguments: &ConnectionArguments) -> Vec<(&'static str, String)> {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
    [
        ("timeout", arguments.timeout.clone()),
        ("token", arguments.token.clone()),
        ("tls-ca", path(&arguments.tls_ca)),
        ("tls-certificate", path(&arguments.tls_certificate)),
        ("tls-key", path(&arguments.tls_key)),
        ("tls-server-name", arguments.tls_server_name.clone()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn tls_options(connection: &ConnectionString) -> TlsOptions {
    let settings = &connection.settings.client;
    let path = |text: &Option<String>| text.as_ref().map(PathBuf::from);
    TlsOptions {
        ca: path(&settings.tls_ca),
        certificate: path(&settings.tls_certificate),
        key: path(&settings.tls_key),
        server_name: settings.tls_server_name.clone(),
    }
}

// SPDX-License-Identifier: Apache-2.0
//! One object of a store, which is put, got or looked for.
//!
//! Whoever asks waits, and may be within a runtime or not: what is asked goes on in a thread with a runtime of its own. In all it takes no
//! longer than the limit of the settings, whatever the store does.

use std::{
    fmt, io,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    azure::{AzureConfigKey, MicrosoftAzureBuilder},
    gcp::{GoogleCloudStorageBuilder, GoogleConfigKey},
};
use tokio::{runtime::Builder, time::timeout};

use crate::{
    address::{Address, Kind},
    connector::Connector,
    error::{StoreError, told},
    settings::Settings,
};

/// What an object holds.
const CONTENT_TYPE: &str = "application/gzip";
/// Time before something is tried for the second time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How often something is tried again.
const RETRIES: usize = 8;

/// One object of a store, which need not be there yet.
pub struct Store {
    address: Address,
    objects: Arc<dyn ObjectStore>,
    limit: Duration,
    /// Whether credentials were looked for at a metadata address.
    refused: Arc<AtomicBool>,
}

impl Store {
    /// Gets ready to ask a store. Nothing is sent yet.
    ///
    /// # Errors
    /// When the settings don't fit the store.
    pub fn open(address: Address, settings: &Settings) -> Result<Self, StoreError> {
        let refused = Arc::<AtomicBool>::default();
        let wrong = |why| StoreError::Setup { place: address.to_string(), why };
        let connector = Connector::new(settings.may_ask_metadata(), settings.judge(), Arc::clone(&refused))
            .map_err(|error| wrong(error.to_string()))?;
        let objects = objects(&address, settings, connector).map_err(|error| wrong(told(&error)))?;
        Ok(Self { objects, limit: settings.limit(), refused, address })
    }

    /// The object.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Looks whether the store answers, without changing anything. Some don't let those look who may put something there, and say so: that
    /// is an answer.
    ///
    /// # Errors
    /// When it does not answer, or does not know who asks.
    pub fn look(&self) -> Result<(), StoreError> {
        let found = self.carry_out(move || async move { self.objects.head(self.address.key()).await });
        match found {
            Ok(_) | Err(StoreError::Missing { .. } | StoreError::Denied { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Puts the object there as a whole; one that is there is replaced.
    ///
    /// # Errors
    /// When the store doesn't take it; what was there before still is. Whether one that is late has taken it, nobody knows.
    pub fn put(&self, bytes: Vec<u8>) -> Result<(), StoreError> {
        let payload = PutPayload::from(bytes);
        self.carry_out(move || async move { self.objects.put(self.address.key(), payload).await.map(drop) })
    }

    /// Gets the object, if it has no more than these bytes.
    ///
    /// # Errors
    /// When it is not there, can't be had, or is larger.
    pub fn get(&self, most: u64) -> Result<Vec<u8>, StoreError> {
        let found = self.carry_out(move || async move {
            let found = self.objects.get(self.address.key()).await?;
            if found.meta.size > most {
                return Ok(None);
            }
            // A store may send more than it has told.
            found.bytes().await.map(|bytes| (bytes.len() as u64 <= most).then(|| bytes.to_vec()))
        })?;
        found.ok_or_else(|| StoreError::Large { place: self.address.to_string(), most })
    }

    /// Does something within the limit, on a thread of its own.
    fn carry_out<T, W, F>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send,
        W: FnOnce() -> F + Send,
        F: Future<Output = object_store::Result<T>>,
    {
        self.refused.store(false, Ordering::Relaxed);
        let limit = self.limit;
        let done = thread::scope(|scope| {
            let worker = thread::Builder::new().name("store".into()).spawn_scoped(scope, move || {
                let runtime = Builder::new_current_thread().enable_all().build()?;
                let done = runtime.block_on(async { timeout(limit, work()).await });
                // Without waiting for a name that is still looked up.
                runtime.shutdown_background();
                io::Result::Ok(done)
            })?;
            worker.join().unwrap_or_else(|_| Err(io::Error::other("the thread that asked it broke")))
        })?;
        let place = self.address.to_string();
        let Ok(done) = done else {
            return Err(StoreError::Late { place, milliseconds: limit.as_millis() });
        };
        let refused = self.refused.load(Ordering::Relaxed);
        done.map_err(|error| StoreError::of(&error, place, self.address.kind(), refused))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest holds credentials.
        formatter.debug_struct("Store").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The store of an object.
fn objects(
    address: &Address,
    settings: &Settings,
    connector: Connector,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    let (kind, url, retry) = (address.kind(), address.url(), retry(settings.limit()));
    let options = ClientOptions::new().with_default_content_type(CONTENT_TYPE);
    let objects: Arc<dyn ObjectStore> = match kind {
        Kind::S3 => {
            let builder = AmazonS3Builder::new().with_client_options(options);
            let set = |builder: AmazonS3Builder, key: AmazonS3ConfigKey, value: &str| {
                builder.with_config(key, value)
            };
            let builder = configured(settings, kind, builder, set);
            Arc::new(builder.with_url(url).with_retry(retry).with_http_connector(connector).build()?)
        }
        Kind::Google => {
            let builder = GoogleCloudStorageBuilder::new().with_client_options(options);
            let set = |builder: GoogleCloudStorageBuilder, key: GoogleConfigKey, value: &str| {
                builder.with_config(key, value)
            };
            let builder = configured(settings, kind, builder, set);
            Arc::new(builder.with_url(url).with_retry(retry).with_http_connector(connector).build()?)
        }
        Kind::Azure => {
            let builder = MicrosoftAzureBuilder::new().with_client_options(options);
            let set = |builder: MicrosoftAzureBuilder, key: AzureConfigKey, value: &str| match key {
                // Azure's own command would be waited for without a limit.
                AzureConfigKey::UseAzureCli => builder,
                AzureConfigKey::CredentialType if value == "azure_cli" => builder,
                _ => builder.with_config(key, value),
            };
            let builder = configured(settings, kind, builder, set);
            Arc::new(builder.with_url(url).with_retry(retry).with_http_connector(connector).build()?)
        }
    };
    Ok(objects)
}

/// A builder with what environment variables say; those that mean nothing to it are left out.
fn configured<B, K: FromStr>(
    settings: &Settings,
    kind: Kind,
    builder: B,
    set: impl Fn(B, K, &str) -> B,
) -> B {
    settings.variables(kind.prefix()).fold(builder, |builder, (name, value)| match name.parse::<K>() {
        Ok(key) => set(builder, key, value),
        Err(_) => builder,
    })
}

/// How something is tried again: often at first, and for the last time early enough to say why it failed.
fn retry(limit: Duration) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { init_backoff: FIRST_PAUSE.min(limit / 8), max_backoff: limit / 8, base: 2. },
        max_retries: RETRIES,
        retry_timeout: limit / 4 * 3,
    }
}

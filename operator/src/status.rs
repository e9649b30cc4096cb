//! Writing status: by server-side apply, and only when there is something new to say.

pub mod texts;

use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use upsurge_crds::names::FIELD_MANAGER;

/// Parameters of everything that the controllers apply.
pub fn parameters() -> PatchParams {
    PatchParams::apply(FIELD_MANAGER).force()
}

/// Writes a status if it differs from the one observed. Says whether something was written; an object that is
/// gone needs no status.
///
/// # Errors
/// When the API server refuses the status or does not answer.
pub async fn write<K, S>(
    api: &Api<K>,
    name: &str,
    observed: Option<&S>,
    wanted: &S,
) -> Result<bool, kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
    S: Serialize,
{
    // Compared as they are written: times lose their fractions of a second on the way.
    let wanted = serde_json::to_value(wanted).map_err(kube::Error::SerdeError)?;
    let observed = observed.map(serde_json::to_value).transpose().map_err(kube::Error::SerdeError)?;
    if observed.as_ref() == Some(&wanted) {
        return Ok(false);
    }
    let body = json!({"apiVersion": K::api_version(&()), "kind": K::kind(&()), "status": wanted});
    match api.patch_status(name, &parameters(), &Patch::Apply(&body)).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

// SPDX-License-Identifier: Apache-2.0
//! README and tutorial, as a newcomer follows them: each command that needs the cluster is run as the page has it, and must
//! print what the page shows, figures aside. The others are run by `runner/command/tests/pages.rs`.

use std::{env, fs, path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, api::DeleteParams};
use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};
use upsurge_e2e::{Context, wait::seconds, with_temp_namespace};
use upsurge_testing::pages::{Example, difference, examples};

/// The namespace of the pages.
const NAMESPACE: &str = "shop";

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Text of a page or a manifest with another namespace instead of its own, so that pages can be tried side by side.
fn moved(text: &str, namespace: &str) -> String {
    [" shop\n", " shop ", ": shop,", ": shop}", ".shop.svc", "namespace/shop", "\"shop\""]
        .iter()
        .fold(text.to_owned(), |text, place| text.replace(*place, &place.replace(NAMESPACE, namespace)))
}

/// The folder that the commands are run in: it has the examples.
fn checkout(namespace: &str) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    fs::create_dir_all(folder.path().join("docs/examples"))?;
    for name in ["first.yaml", "checkout.yaml", "checkout-spike.yaml"] {
        let text = fs::read_to_string(root().join("docs/examples").join(name))?;
        fs::write(folder.path().join("docs/examples").join(name), moved(&text, namespace))?;
    }
    Ok(folder)
}

async fn follow(context: &Context, page: &str, limit: Duration) -> Result<()> {
    // Not the test's own, which is there already: the page makes it.
    let namespace = format!("{}-shop", context.namespace);
    let folder = checkout(&namespace)?;
    let examples = examples(root(), page);
    let followed = async {
        let mut run = 0;
        for example in &examples {
            if example.commands.text.contains("kubectl") {
                try_out(example, folder.path(), &namespace).await?;
                run += 1;
            }
        }
        ensure!(run >= 2, "only {run} examples of {page} need a cluster");
        anyhow::Ok(())
    };
    let outcome =
        timeout(limit, followed).await.unwrap_or_else(|_| bail!("{page} took longer than {limit:?}"));
    // Deleted by the page itself, if it got that far.
    let _ = Api::<Namespace>::all(context.client.clone()).delete(&namespace, &DeleteParams::default()).await;
    outcome
}

async fn try_out(example: &Example, folder: &Path, namespace: &str) -> Result<()> {
    let place = example.commands.place();
    let script = format!("exec 2>&1\nset -e -o pipefail\n{}", moved(&example.commands.text, namespace));
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("can't run bash")?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{place} failed ({}):\n{printed}", output.status);
    let shown = example.output.as_ref().map(|output| moved(&output.text, namespace));
    match shown.and_then(|shown| difference(&shown, &printed)) {
        Some(difference) => bail!("{place}: {difference}"),
        None => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_readme_print_what_it_shows() -> Result<()> {
    with_temp_namespace(async |context| follow(&context, "README.md", seconds(90)).await).await
}

// Two runs of half a minute and the spike twice, one after another: some six minutes. `make e2e-full` runs it.
#[ignore = "takes six minutes; run by make e2e-full"]
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_tutorial_print_what_it_shows() -> Result<()> {
    let page = "docs/src/tutorial/first-load-test.md";
    with_temp_namespace(async |context| follow(&context, page, seconds(600)).await).await
}

/// The search path without folders that have a helm.
fn path_without_helm() -> Result<std::ffi::OsString> {
    let path = env::var_os("PATH").context("no PATH")?;
    let others = env::split_paths(&path).filter(|folder| !folder.join("helm").exists());
    Ok(env::join_paths(others)?)
}

/// Types commands into the shell, and gives what they print.
async fn typed_into_the_shell(commands: &str) -> Result<String> {
    let mut shell = Command::new(root().join("e2e/cluster/with"))
        .arg("shell")
        .env("PATH", path_without_helm()?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut typed = shell.stdin.take().context("no standard input")?;
    typed.write_all(commands.as_bytes()).await?;
    drop(typed);
    let output = timeout(seconds(60), shell.wait_with_output()).await??;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "it ended with {}:\n{printed}", output.status);
    Ok(printed)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_that_the_readme_opens_has_kubectl_and_helm() -> Result<()> {
    with_temp_namespace(async |_| {
        let commands = "kubectl get namespace default -o name\nhelm list --all-namespaces --short\n";
        let printed = typed_into_the_shell(commands).await?;
        ensure!(printed.starts_with("namespace/default\n"), "{printed}");
        ensure!(printed.lines().any(|line| line == "upsurge"), "{printed}");
        Ok(())
    })
    .await
}

#[test]
fn only_the_namespace_is_moved() {
    let text = "kubectl create namespace shop\nkubectl -n shop get a\nmetadata: {name: checkout, namespace: shop}\nnamespace: shop\n\
                http://checkout.shop.svc:8080 namespace/shop created\nnamespace \"shop\" deleted a shopkeeper\n";
    let moved = moved(text, "x");
    assert_eq!(moved.matches("shop").collect::<Vec<_>>().len(), 1, "{moved}");
    assert!(
        moved.contains("-n x get a") && moved.contains("namespace: x}") && moved.contains("checkout.x.svc")
    );
}

// SPDX-License-Identifier: Apache-2.0
//! Every name that more than one part must agree on: labels, annotations, field managers,
//! condition types and reasons. Users script against these, so a change here is a breaking change.

/// API group of all resources.
pub const GROUP: &str = "upsurge.dev";
/// Audience of the projected service-account token that runners present to the collector.
pub const TOKEN_AUDIENCE: &str = "upsurge.dev";

/// Field manager of everything the controllers apply.
pub const FIELD_MANAGER: &str = "upsurge.dev/operator";
/// Field manager of the leader-election lease.
pub const LEASE_FIELD_MANAGER: &str = "upsurge.dev/lease";
/// Name that events carry as their reporting controller.
pub const REPORTER: &str = "upsurge.dev/operator";

/// Labels on the objects that belong to a run.
pub mod labels {
    /// Name of the `LoadTest` a run, Job, pod or checkpoint belongs to.
    pub const TEST: &str = "upsurge.dev/test";
    /// Name of the `LoadTestRun` a Job, pod or checkpoint belongs to.
    pub const RUN: &str = "upsurge.dev/run";
    /// The part an object plays: `runner`, `checkpoint` or `record`.
    pub const COMPONENT: &str = "app.kubernetes.io/component";
    /// Always [`super::labels::MANAGED_BY_VALUE`] on what the operator makes.
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    /// Value of [`MANAGED_BY`].
    pub const MANAGED_BY_VALUE: &str = "upsurge";
    /// Index of a runner pod; set by the Job controller.
    pub const COMPLETION_INDEX: &str = "batch.kubernetes.io/job-completion-index";
    /// Name of a pod's Job; set by the Job controller.
    pub const JOB_NAME: &str = "batch.kubernetes.io/job-name";
    /// Beginnings of the labels and annotations of pods that the operator and the Job controller set.
    pub const OWN_GROUPS: [&str; 2] = ["upsurge.dev/", "batch.kubernetes.io/"];
    /// Labels of pods that they set besides; the last two are the Job controller's of old.
    pub const OWN: [&str; 4] = [MANAGED_BY, COMPONENT, "controller-uid", "job-name"];
}

/// Names within runner pods. What a test adds to its pods has other ones.
pub mod runner_pods {
    /// Name of the container that generates the load.
    pub const CONTAINER: &str = "runner";
    /// Beginning of the names of the operator's own volumes.
    pub const OWN_VOLUMES: &str = "upsurge-";
    /// Beginning of the names of the environment variables by which the operator tells a runner what it needs.
    pub const OWN_VARIABLES: &str = "UPSURGE_";
    /// Environment variable with the index of a runner; set by the Job controller, unless it is there.
    pub const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";
}

/// Annotations that users set or read.
pub mod annotations {
    /// A new value on a `LoadTest` asks for one more run of the same spec.
    pub const RERUN: &str = "upsurge.dev/rerun";
    /// On a run: the generation of the `LoadTest` it was made from.
    pub const GENERATION: &str = "upsurge.dev/test-generation";
    /// On a run: why it was made (`SpecChanged`, `Rerun`, `Schedule`, `Rollout` or `Manual`).
    pub const TRIGGER: &str = "upsurge.dev/trigger";
    /// On a run that a schedule made: the time that it answers.
    pub const SCHEDULED_TIME: &str = "upsurge.dev/scheduled-time";
    /// On a run that a rollout started: the revision of the target's workload.
    pub const REVISION: &str = "upsurge.dev/revision";
    /// On a `LoadTest` and its runs: revision of the repository that the test came from, for the record. Example: `main@sha1:4f2c9b1`.
    pub const GIT_REVISION: &str = "upsurge.dev/git-revision";
    /// On a run, with the value `true`: it is kept. Neither its record nor the run itself goes to make room for others.
    pub const KEEP: &str = "upsurge.dev/keep";
    /// On a run, with the value `true`: others are compared with it. It is kept, too.
    pub const BASELINE: &str = "upsurge.dev/baseline";
    /// On a run: what people have noted about it, as a JSON list of objects with `time` and `text`. `upsurge note` writes it.
    pub const NOTES: &str = "upsurge.dev/notes";
    /// On the record of a run: its bytes, before base64.
    pub const RECORD_BYTES: &str = "upsurge.dev/record-bytes";
    /// On the record of a run: the run's verdict.
    pub const RECORD_VERDICT: &str = "upsurge.dev/record-verdict";
    /// On the record of a run that is to be put into a store: until when that is tried.
    pub const RECORD_STORE_UNTIL: &str = "upsurge.dev/record-store-until";
    /// On the lease: IP address and port at which its holder serves runners.
    pub const COLLECTOR_ADDRESS: &str = "upsurge.dev/collector-address";
}

/// Finalizers.
pub mod finalizers {
    /// On a run that has set the replicas of its target: it is kept until these are put back.
    pub const RESTORE: &str = "upsurge.dev/restore";
}

/// Types of status conditions. `Ready`, `Reconciling` and `Stalled` follow kstatus.
pub mod conditions {
    /// True when the last run passed.
    pub const READY: &str = "Ready";
    /// True while work goes on; absent otherwise.
    pub const RECONCILING: &str = "Reconciling";
    /// True when the run failed or broke and nothing more will happen by itself; absent otherwise.
    pub const STALLED: &str = "Stalled";
    /// The run is from before a change of the API, and its copy of the test can't be read any more. Only ever `True`.
    pub const OLD_SPEC: &str = "OldSpec";
    /// The record of the run can't be written to its namespace: it is tried again, or was given up, as the message says. Only ever
    /// `True`. It changes no verdict.
    pub const RECORD_NOT_KEPT: &str = "RecordNotKept";
    /// Of a run whose test names a store for records, after its end: True when the record is there, False as long as it is not, and for
    /// good when that was given up, as reason and message say. It changes no verdict.
    pub const RECORD_STORED: &str = "RecordStored";
    /// Of a run that has set the replicas of its target, at its end: True when what it found is put back, False when something is
    /// left that somebody else has changed meanwhile, or that may not be changed any more.
    pub const TARGET_RESTORED: &str = "TargetRestored";
    /// True when the run ended with a verdict, whatever it is, or none is made because the spec can't be run; for `kubectl wait`.
    pub const COMPLETE: &str = "Complete";
    /// True when the run ended with any verdict but `Passed`, or none is made because the spec can't be run; for `kubectl wait`.
    pub const FAILED: &str = "Failed";
}

/// Machine-readable reasons of conditions, runs and events.
pub mod reasons {
    /// The object was seen and waits for its turn.
    pub const PENDING: &str = "Pending";
    /// Runner pods are being created.
    pub const PREPARING: &str = "Preparing";
    /// Runner pods are up and agree on a start time.
    pub const STARTING: &str = "Starting";
    /// Load is being generated.
    pub const RUNNING: &str = "Running";
    /// The run was asked to stop and drains.
    pub const STOPPING: &str = "Stopping";
    /// Load has ended; results and the scale-down are being collected.
    pub const COLLECTING: &str = "Collecting";
    /// What the run has set at its target is put back.
    pub const RESTORING: &str = "Restoring";
    /// What the run found at its target is put back.
    pub const RESTORED: &str = "Restored";
    /// Something that the run has set at its target was not put back: somebody else has changed it meanwhile, or it may not be changed any
    /// more.
    pub const LEFT_AS_IT_IS: &str = "LeftAsItIs";
    /// The operator may not set the replicas of the target; the message names the chart's value.
    pub const PINNING_FORBIDDEN: &str = "PinningForbidden";
    /// `spec.suspend` holds new runs.
    pub const SUSPENDED: &str = "Suspended";
    /// A temporary API error is being retried.
    pub const RETRYING: &str = "Retrying";
    /// Everything that was asked for held.
    pub const THRESHOLDS_MET: &str = "ThresholdsMet";
    /// A search has found what the target carries.
    pub const CAPACITY_FOUND: &str = "CapacityFound";
    /// The target does not even carry the lowest rate of a search.
    pub const CAPACITY_TOO_LOW: &str = "CapacityTooLow";
    /// A search ended at a level of which nothing could be said.
    pub const CAPACITY_UNKNOWN: &str = "CapacityUnknown";
    /// A search found a level that failed below one that passed.
    pub const CAPACITY_CONTRADICTED: &str = "CapacityContradicted";
    /// Each count of replicas of a test of scalability was measured, and thresholds held.
    pub const SCALABILITY_MEASURED: &str = "ScalabilityMeasured";
    /// Of a count of replicas of a test of scalability nothing could be said.
    pub const SCALABILITY_UNKNOWN: &str = "ScalabilityUnknown";
    /// A threshold on measured load figures was not met.
    pub const THRESHOLDS_BREACHED: &str = "ThresholdsBreached";
    /// A Prometheus check was not met.
    pub const CHECKS_BREACHED: &str = "ChecksBreached";
    /// An expectation on the autoscaler was not met.
    pub const AUTOSCALING_EXPECTATION_MISSED: &str = "AutoscalingExpectationMissed";
    /// The target's pods used more than `spec.usage` allows, grew faster or ended more often.
    pub const USAGE_EXCEEDED: &str = "UsageExceeded";
    /// What the target's pods used is not known well enough to judge `spec.usage`.
    pub const USAGE_UNKNOWN: &str = "UsageUnknown";
    /// Latency grew over a soak by more than it may.
    pub const LATENCY_GREW: &str = "LatencyGrew";
    /// The soak was too short, or latency too uneven, to tell by how much it grew.
    pub const LATENCY_GROWTH_UNKNOWN: &str = "LatencyGrowthUnknown";
    /// What was observed of the target has gaps that an expectation on it hangs on.
    pub const OBSERVATION_INCOMPLETE: &str = "ObservationIncomplete";
    /// The autoscaler was deleted during the run.
    pub const AUTOSCALER_DELETED: &str = "AutoscalerDeleted";
    /// Another autoscaler took the place of the one that was there, during the run.
    pub const AUTOSCALER_REPLACED: &str = "AutoscalerReplaced";
    /// The autoscaler's settings were changed during the run.
    pub const AUTOSCALER_CHANGED: &str = "AutoscalerChanged";
    /// Somebody else than the autoscaler changed the replicas during the run.
    pub const SCALED_BY_OTHERS: &str = "ScaledByOthers";
    /// Several autoscalers target the workload.
    pub const SEVERAL_AUTOSCALERS: &str = "SeveralAutoscalers";
    /// KEDA was told to leave the replicas alone.
    pub const AUTOSCALER_PAUSED: &str = "AutoscalerPaused";
    /// Beyond its breaking point the target did not stay as good as `spec.load.stress.degradation` says.
    pub const NOT_GRACEFUL: &str = "NotGraceful";
    /// The target did not recover in time once the load had fallen.
    pub const NOT_RECOVERED: &str = "NotRecovered";
    /// The load did not go as far beyond the breaking point as is to be judged, or found none.
    pub const OVERLOAD_NOT_REACHED: &str = "OverloadNotReached";
    /// A spike did not keep a threshold.
    pub const SPIKE_FAILED: &str = "SpikeFailed";
    /// What `spec.verify` expects after the load does not hold.
    pub const VERIFICATION_FAILED: &str = "VerificationFailed";
    /// The steps of `spec.verify` were not done, or nobody knows what came of them.
    pub const NOT_VERIFIED: &str = "NotVerified";
    /// Requests had no answer when the load was cut off after `gracefulStop`.
    pub const REQUESTS_UNANSWERED: &str = "RequestsUnanswered";
    /// Planned iterations could not be started for lack of free users.
    pub const ITERATIONS_DROPPED: &str = "IterationsDropped";
    /// Somebody asked the run to stop.
    pub const ABORTED: &str = "Aborted";
    /// A step of the test ended the run.
    pub const ABORTED_BY_TEST: &str = "AbortedByTest";
    /// The spec can't be run as it is; the message names the field.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// The run is of a version of the API before this one, and its copy of the test can't be read any more.
    pub const OLD_SPEC: &str = "OldSpec";
    /// The platform's policy does not allow what the test asks for; the message names the rule and whom to ask.
    pub const POLICY_VIOLATION: &str = "PolicyViolation";
    /// The run waits for its turn, because the policy lets only so many go on at the same time.
    pub const QUEUED: &str = "Queued";
    /// The run waits until another one has left the target; the message names it.
    pub const TARGET_BUSY: &str = "TargetBusy";
    /// The runs of the namespace made more requests per second than the policy allows.
    pub const RATE_EXCEEDED: &str = "RateExceeded";
    /// The `LoadTest` that a run refers to does not exist.
    pub const TEST_NOT_FOUND: &str = "TestNotFound";
    /// The target workload does not exist or has no scale subresource.
    pub const TARGET_NOT_FOUND: &str = "TargetNotFound";
    /// The pods of the target did not become ready before the load.
    pub const TARGET_NOT_READY: &str = "TargetNotReady";
    /// The target did not come to rest before the load.
    pub const TARGET_NOT_IDLE: &str = "TargetNotIdle";
    /// The host name of the target does not resolve.
    pub const TARGET_UNRESOLVED: &str = "TargetUnresolved";
    /// The target can't be reached.
    pub const TARGET_UNREACHABLE: &str = "TargetUnreachable";
    /// A step of `before` failed.
    pub const BEFORE_FAILED: &str = "BeforeFailed";
    /// A runner pod was on a node with a pod of the target; told in an event, and changes no verdict.
    pub const RUNNER_BESIDE_TARGET: &str = "RunnerBesideTarget";
    /// Something should be known of the run's figures; told in an event, and changes no verdict.
    pub const WARNING: &str = "Warning";
    /// A step of `after` failed, or they were not all done; told in an event, and changes no verdict.
    pub const AFTER_FAILED: &str = "AfterFailed";
    /// A server of `spec.outputs` did not get all figures, or not all told apart; told in an event, and changes no verdict.
    pub const OUTPUT_INCOMPLETE: &str = "OutputIncomplete";
    /// A ConfigMap or Secret that the test takes a file from, or its key, does not exist.
    pub const FILE_NOT_FOUND: &str = "FileNotFound";
    /// A runner's image can't be pulled.
    pub const IMAGE_PULL_FAILED: &str = "ImagePullFailed";
    /// A runner's container can't be created, for example because a Secret is missing.
    pub const CONTAINER_CONFIG_ERROR: &str = "ContainerConfigError";
    /// No node has room for a runner.
    pub const UNSCHEDULABLE: &str = "Unschedulable";
    /// A quota or admission rule forbids the runner pods.
    pub const PODS_FORBIDDEN: &str = "PodsForbidden";
    /// Somebody else has made a Job of the name that the runners' Job has to have.
    pub const NAME_TAKEN: &str = "NameTaken";
    /// A runner ran out of memory.
    pub const RUNNER_OOM_KILLED: &str = "RunnerOOMKilled";
    /// A runner ended before its work was done.
    pub const RUNNER_FAILED: &str = "RunnerFailed";
    /// A runner vanished or fell silent.
    pub const RUNNER_LOST: &str = "RunnerLost";
    /// Runner and operator are of releases that don't understand each other.
    pub const PROTOCOL_MISMATCH: &str = "ProtocolMismatch";
    /// What was received so far can't be read back after a restart of the operator.
    pub const CHECKPOINT_DAMAGED: &str = "CheckpointDamaged";
    /// What was received so far was written by a version of the operator that this one does not understand, or can't
    /// be read without a right that is given for upgrades only.
    pub const CHECKPOINT_UNKNOWN: &str = "CheckpointUnknown";
    /// What was received so far does not fit into what the operator has for a run.
    pub const CHECKPOINT_TOO_LARGE: &str = "CheckpointTooLarge";
    /// The API server refuses to keep what was received so far.
    pub const CHECKPOINT_REFUSED: &str = "CheckpointRefused";
    /// The run was cut off, and this is what it had recorded until then.
    pub const RECORD_INCOMPLETE: &str = "RecordIncomplete";
    /// The record of a run can't be written to its namespace, and is tried again.
    pub const RECORD_NOT_WRITTEN: &str = "RecordNotWritten";
    /// The record of a run could not be written to its namespace, and nobody tries again.
    pub const RECORD_GIVEN_UP: &str = "RecordGivenUp";
    /// The record of a run is in the store that its test names.
    pub const RECORD_STORED: &str = "RecordStored";
    /// The record of a run is being put into the store.
    pub const RECORD_STORING: &str = "RecordStoring";
    /// The record of a run can't be put into the store, and is tried again.
    pub const RECORD_NOT_STORED: &str = "RecordNotStored";
    /// The record of a run could not be put into the store, and nobody tries again.
    pub const RECORD_STORE_GIVEN_UP: &str = "RecordStoreGivenUp";
    /// A phase lasted longer than its deadline.
    pub const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";
    /// The generator could not produce the load as asked.
    pub const GENERATOR_LIMITED: &str = "GeneratorLimited";
    /// The autoscaler could not read its metrics.
    pub const METRICS_UNAVAILABLE: &str = "MetricsUnavailable";
    /// No autoscaler targets the workload although expectations were declared.
    pub const AUTOSCALER_NOT_FOUND: &str = "AutoscalerNotFound";
    /// A rollout of the target happened during the run, or was under way as its load started.
    pub const ROLLOUT_DURING_RUN: &str = "RolloutDuringRun";
    /// Prometheus could not answer a check.
    pub const CHECK_UNANSWERED: &str = "CheckUnanswered";
    /// Operations of a benchmark were measured less often than they should have been.
    pub const BENCHMARK_INCOMPLETE: &str = "BenchmarkIncomplete";
    /// There was nothing to measure: not one request was finished, or left without an answer.
    pub const NO_DATA: &str = "NoData";
}

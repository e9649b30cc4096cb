//! Version `v1alpha1` of the API.

pub mod autoscaling;
pub mod duration;
pub mod load;
pub mod load_test;
pub mod load_test_run;
pub mod prometheus;
pub mod runner;
pub mod scenario;
pub mod source;
pub mod status;
pub mod target;
pub mod threshold;

pub use autoscaling::{AutoscalingExpectations, AutoscalingSpec};
pub use duration::TimeSpan;
pub use load::{ConstantLoad, Load, LoadUnit, SpikeLoad, StageSpec};
pub use load_test::{LoadTest, LoadTestSpec, LoadTestStatus};
pub use load_test_run::{LoadTestRun, LoadTestRunSpec, LoadTestRunStatus};
pub use prometheus::{PrometheusCheck, PrometheusSpec};
pub use runner::{Deadlines, HistoryLimit, RunnerSpec};
pub use scenario::{
    Capture, Expectation, GroupStep, HttpMethod, IfStep, LoopStep, RequestStep, Scenario, Script, Step,
    ThinkStep,
};
pub use source::FileSource;
pub use status::*;
pub use target::{HttpOptions, SecretKeyRef, SecretVariable, Target, WorkloadReference};
pub use threshold::{Threshold, ThresholdSelector};

// SPDX-License-Identifier: Apache-2.0
//! Version `v1alpha1` of the API.

pub mod autoscaling;
pub mod capture;
pub mod data;
pub mod duration;
pub mod expectation;
pub mod generated;
pub mod http;
pub(crate) mod kubernetes;
pub mod load;
pub mod load_test;
pub mod load_test_run;
pub mod metric;
pub mod output;
pub mod prometheus;
pub mod quantity;
pub mod record;
pub mod request;
pub mod runner;
pub mod scenario;
pub mod size;
pub mod snapshot;
pub mod source;
pub mod start;
pub mod status;
pub mod step;
pub mod target;
pub mod threshold;
pub mod time_limit;
pub mod usage;

pub use autoscaling::{AutoscalingExpectations, AutoscalingSpec};
pub use capture::{Capture, ElementSelector, MatchChoice};
pub use data::{CsvData, DataOrder, DataScope, DataSource, EndOfData, GeneratedData, JsonData};
pub use duration::TimeSpan;
pub use expectation::{ExpectWhen, Expectation};
pub use generated::{ContentKind, GeneratedContent};
pub use http::{
    Coding, HttpOptions, HttpVersion,
    auth::{Auth, Bearer, UserPassword},
    connections::{ConnectionMode, ConnectionOptions},
    multipart::MultipartPart,
    network::{DnsOptions, DnsPolicy, DnsSelect, ProxyOptions},
    status_range::StatusRange,
    tls::{ClientCertificate, TlsOptions},
};
pub use load::{
    ArrivalRate, Arrivals, BenchmarkLimit, BenchmarkLoad, BreakpointLoad, CapacityLoad, ConstantLoad,
    ConstantVus, CountedIterations, Degradation, Executor, Find, Load, LoadUnit, NamedSpike, PatternLoad,
    PatternName, RampingRate, RampingVus, ReplicaCounts, ScalabilityLoad, Size, SizesLoad, SmokeLoad,
    SoakLoad, SpikeLoad, Spread, StageSpec, StopAt, StressLoad, VolumeLoad, WhenBusy,
};
pub use load_test::{LoadTest, LoadTestSpec, LoadTestStatus};
pub use load_test_run::{LoadTestRun, LoadTestRunSpec, LoadTestRunStatus};
pub use metric::{CustomMetric, MetricType};
pub use output::{OtlpOutput, OutputSpec, RemoteWriteOutput};
pub use prometheus::{
    CheckTells, PrometheusCheck, PrometheusSeries, PrometheusSpec, SecretHeader, SecretValue,
};
pub use quantity::Quantity;
pub use record::{
    ClaimStore, KeptRecords, ObjectStore, RecordHistory, RecordSettings, RecordStore, SecretName,
};
pub use request::{HttpMethod, RequestStep};
pub use runner::{Deadlines, History, Kept, RunnerSpec};
pub use scenario::{Block, Scenario};
pub use size::ByteSize;
pub use snapshot::{GONE, Snapshot};
pub use source::{ConfigMapKeyRef, FileSource};
pub use start::{ConcurrencyPolicy, Schedule, StartTrigger, TriggerType};
pub use status::*;
pub use step::{
    AbortStep, FailStep, GroupStep, IfStep, LogStep, LoopStep, NestedSteps, PaceStep, ParallelStep,
    RecordStep, SetVariable, Step, ThinkStep,
};
pub use target::{SecretKeyRef, SecretVariable, Sharing, Target, Workload, WorkloadReference};
pub use threshold::{SeriesReference, Threshold, ThresholdSelector};
pub use time_limit::TimeLimit;
pub use usage::{UsageBound, UsageLimit, UsageResource};

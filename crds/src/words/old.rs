// SPDX-License-Identifier: Apache-2.0
//! Bringing the spec of a run from before the change of words up to date.

use serde_json::{Map, Value, json};

use super::{CHANGES, Change};

/// Whether a spec is from before the change: the base URL, which every spec has, had another name.
pub fn is_old(spec: &Value) -> bool {
    spec.pointer("/target/baseUrl").is_some()
}

/// An old spec in today's words and shapes. It means the same: stages keep the names that runners under way know them by.
/// What is no spec stays what it is.
pub fn brought_up_to_date(mut spec: Value) -> Value {
    if let Some(load) = spec.get_mut("load").and_then(Value::as_object_mut) {
        self::load(load);
    }
    rename(&mut spec);
    workloads(&mut spec);
    history(&mut spec);
    for place in ["before", "after"] {
        steps(spec.get_mut(place));
    }
    for scenario in list(spec.get_mut("scenarios")) {
        for place in ["onStart", "steps", "onStop"] {
            steps(scenario.get_mut(place));
        }
    }
    spec
}

/// Fields that only have another name, or another place in an object of the same parent.
fn rename(spec: &mut Value) {
    for change in CHANGES {
        match change {
            Change::Field { was, is } if !is.contains('[') && !was.starts_with('…') => {
                let (from, to) = (pointer(was), pointer(is));
                let (Some((parent, old)), Some(taken)) =
                    (from.rsplit_once('/'), spec.pointer(&from).cloned())
                else {
                    continue;
                };
                if let Some(fields) = spec.pointer_mut(parent).and_then(Value::as_object_mut) {
                    fields.remove(old);
                }
                put(spec, &to, taken);
            }
            Change::Value { of, was, is } if !of.contains('[') && !of.starts_with('…') => {
                if let Some(value) = spec.pointer_mut(&pointer(of)).filter(|value| *value == was) {
                    *value = (*is).into();
                }
            }
            _ => {}
        }
    }
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

/// Puts a value at a pointer, and makes the objects on the way.
fn put(spec: &mut Value, pointer: &str, value: Value) {
    let mut place = spec;
    for name in pointer.split('/').skip(1) {
        let Some(fields) = place.as_object_mut() else { return };
        place = fields.entry(name).or_insert_with(|| json!({}));
    }
    *place = value;
}

/// One workload became a list of them, and what was expected of it stands beside its name. `rename` has moved it.
fn workloads(spec: &mut Value) {
    let mut workload = spec.pointer_mut("/target/workloads").map(Value::take);
    if let Some(autoscaling) = spec.get_mut("autoscaling").and_then(Value::as_object_mut) {
        for field in ["expect", "capacityPerReplica"] {
            if let (Some(value), Some(workload)) = (autoscaling.remove(field), &mut workload) {
                workload[field] = number(value);
            }
        }
    }
    if let Some(workload) = workload {
        spec["target"]["workloads"] = json!([workload]);
    }
}

/// Numbers of runs became objects. `rename` has moved them.
fn history(spec: &mut Value) {
    let Some(old) = spec.get("history").cloned() else { return };
    let count =
        |field: &str, default: i32| json!({"count": old.get(field).cloned().unwrap_or(default.into())});
    spec["history"] = json!({"passed": count("passed", 5), "notPassed": count("failed", 10)});
}

/// Levels become quantities, executors a list of objects with one member.
fn load(load: &mut Map<String, Value>) {
    for pattern in ["constant", "spike", "stress", "soak", "breakpoint", "pattern"] {
        levels(load.get_mut(pattern));
    }
    list(load.get_mut("stages")).for_each(|stage| levels(Some(stage)));
    if let Some(spread) = load.get("arrivals").filter(|arrivals| arrivals.is_string()).cloned() {
        load.insert("arrivals".into(), json!({"spread": spread}));
    }
    if load.get("unit").is_none_or(|unit| unit != "IterationsPerSecond") {
        // It said nothing of users, and nobody minded.
        load.remove("maxUsers");
    }
    begin(load);
    working_day(load);
    if let Some(Value::Object(executors)) = load.get("executors").cloned() {
        let executors = executors.into_iter().map(|(name, executor)| self::executor(name, executor));
        load.insert("executors".into(), executors.collect());
        // They had its default beside them.
        load.remove("unit");
    }
    if load.contains_key("volume") {
        load.remove("unit");
    }
}

/// Where the first stage began is a stage of its own without length, which results don't show; the others keep their names.
fn begin(load: &mut Map<String, Value>) {
    let start = load.remove("startLevel").map(number).filter(|level| *level != 0);
    let (Some(start), Some(stages)) = (start, load.get_mut("stages").and_then(Value::as_array_mut)) else {
        return;
    };
    for (index, stage) in stages.iter_mut().enumerate().filter(|(_, stage)| stage.get("name").is_none()) {
        stage["name"] = format!("stage-{}", index + 1).into();
    }
    stages.insert(0, json!({"name": "start", "duration": "0s", "target": start}));
}

/// Two stages of a working day have other names now. Results of a run that has begun are kept by the old ones, and so
/// the course is written out.
fn working_day(load: &mut Map<String, Value>) {
    let Some(pattern) = load.get("pattern").filter(|pattern| pattern["name"] == "BusinessHours").cloned()
    else {
        return;
    };
    let peak = pattern["peak"].to_string().trim_matches('"').parse::<f64>();
    let duration =
        pattern["duration"].as_str().and_then(|text| text.parse::<crate::v1alpha1::TimeSpan>().ok());
    let (Ok(peak), Some(duration)) = (peak, duration) else { return };
    let stage = |name: &str, percent: u32, share: f64, jump: bool| {
        let span = crate::v1alpha1::TimeSpan(duration.0 * percent / 100).to_string();
        let level = (peak * share * 1e6).round() / 1e6;
        json!({"name": name, "duration": span, "target": number(level.into()), "jump": jump})
    };
    let stages = json!([
        stage("night", 15, 0.05, true),
        stage("morning", 15, 1.0, false),
        stage("forenoon", 20, 1.0, false),
        stage("lunch", 10, 0.6, true),
        stage("afternoon", 20, 0.9, true),
        stage("evening", 10, 0.2, false),
        stage("late", 10, 0.1, false),
    ]);
    load.remove("pattern");
    load.insert("stages".into(), stages);
}

/// Fields of an executor that stand beside its kind.
const OF_ALL: [&str; 4] = ["startTime", "gracefulStop", "exec", "tags"];
/// Fields of how iterations arrive.
const OF_ARRIVALS: [(&str, &str); 4] =
    [("arrivals", "spread"), ("seed", "seed"), ("whenBusy", "whenBusy"), ("queueLimit", "queueLimit")];

fn executor(name: String, executor: Value) -> Value {
    let Value::Object(mut fields) = executor else { return json!({"name": name}) };
    let kind = match fields.remove("executor").as_ref().and_then(Value::as_str) {
        Some("constant-vus") => "constantVUs",
        Some("ramping-vus") => "rampingVUs",
        Some("shared-iterations") => "sharedIterations",
        Some("per-vu-iterations") => "perVUIterations",
        Some("constant-arrival-rate") => "constantArrivalRate",
        Some("ramping-arrival-rate") => "rampingArrivalRate",
        _ => return json!({"name": name}),
    };
    let mut whole = json!({"name": name});
    for field in OF_ALL {
        if let Some(value) = fields.remove(field) {
            whole[field] = value;
        }
    }
    list(fields.get_mut("stages")).for_each(|stage| levels(Some(stage)));
    for field in ["rate", "startRate"] {
        if let Some(value) = fields.get_mut(field) {
            *value = number(value.take());
        }
    }
    for (was, is) in OF_ARRIVALS {
        if let Some(value) = fields.remove(was) {
            fields.entry("arrivals").or_insert_with(|| json!({}))[is] = value;
        }
    }
    whole[kind] = Value::Object(fields);
    whole
}

/// Numbers of a pattern or a stage.
fn levels(pattern: Option<&mut Value>) {
    for (name, value) in pattern.and_then(Value::as_object_mut).into_iter().flatten() {
        if name != "jump" && value.is_number() {
            *value = number(value.take());
        }
    }
}

/// A number as a quantity is written: a fraction as text.
fn number(value: Value) -> Value {
    match &value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or_default();
            if float.fract() == 0.0 && float.abs() < 1e15 {
                json!(float as i64)
            } else {
                number.to_string().into()
            }
        }
        _ => value,
    }
}

fn list(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    value.and_then(Value::as_array_mut).into_iter().flatten()
}

/// Steps, and the steps within them.
fn steps(value: Option<&mut Value>) {
    for step in list(value) {
        if let Some(request) = step.get_mut("request") {
            self::request(request);
        }
        for (kind, field) in
            [("if", "then"), ("if", "else"), ("loop", "steps"), ("group", "steps"), ("parallel", "steps")]
        {
            steps(step.get_mut(kind).and_then(|step| step.get_mut(field)));
        }
    }
}

fn request(request: &mut Value) {
    for place in ["capture", "expect"] {
        for one in list(request.get_mut(place)) {
            let Some(fields) = one.as_object_mut() else { continue };
            if let Some(css) = fields.get("selector").filter(|selector| selector.is_string()).cloned() {
                let attribute = fields.remove("attribute");
                let mut selector = json!({"css": css});
                if let Some(attribute) = attribute {
                    selector["attribute"] = attribute;
                }
                fields.insert("selector".into(), selector);
            }
            for bound in ["greaterThan", "atLeast", "lessThan", "atMost"] {
                if let Some(value) = fields.get_mut(bound) {
                    *value = number(value.take());
                }
            }
        }
    }
    generated(request.get_mut("generated"));
    list(request.get_mut("multipart")).for_each(|part| generated(part.get_mut("generated")));
}

fn generated(contents: Option<&mut Value>) {
    if let Some(kind) = contents.and_then(|contents| contents.get_mut("kind")).filter(|kind| *kind == "Json")
    {
        *kind = "JSON".into();
    }
}

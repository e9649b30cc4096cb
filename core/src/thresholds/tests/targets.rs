// SPDX-License-Identifier: Apache-2.0
//! Selectors as k6's users write them.

use super::*;

#[rstest]
#[case("http_req_duration", "http_req_duration")]
#[case("http_req_duration{}", "http_req_duration")]
#[case(
    "http_req_duration{scenario:pay,expected_response:true}",
    "http_req_duration{scenario:pay,expected_response:true}"
)]
#[case("http_reqs{ status : \"503\" , name:'log in' }", "http_reqs{request:log in,status:503}")]
#[case("http_reqs{error_code:1212}", "http_reqs{error_code:1212}")]
#[case("group_duration{group:::checkout::pay}", "group_duration{group:pay}")]
#[case("order_value{currency:EUR}", "order_value{currency:EUR}")]
fn selectors_in_the_name_are_read_as_in_k6(#[case] text: &str, #[case] read: &str) {
    assert_eq!(Target::new(text, None).unwrap().to_string(), read);
}

#[rstest]
#[case("http_reqs{stage:hold", "is no metric")]
#[case("http_reqs{hold}", "\"hold\" in \"http_reqs{hold}\" is no tag")]
#[case("http_reqs{status:good}", "tag status can't be \"good\"")]
#[case("http_reqs{error_code:503}", "tag error_code can't be \"503\"")]
#[case("http_reqs{expected_response:maybe}", "tag expected_response can't be")]
#[case("http_reqs{stage:low}", "tag stage is selected twice")]
fn what_is_no_selector_is_refused(#[case] text: &str, #[case] why: &str) {
    let selector = ThresholdSelector { stage: Some("hold".into()), ..ThresholdSelector::default() };
    let message = Target::new(text, Some(&selector)).unwrap_err().to_string();
    assert!(message.contains(why), "{message}");
}

#[test]
fn both_forms_of_a_selector_mean_the_same() {
    let split = threshold("http_req_duration", Some("hold"), "p(95) < 900");
    let joined = threshold("http_req_duration{stage:hold}", None, "p(95) < 900");
    let results = evaluate(&[split, joined], &metrics(), &timeline(), Duration::from_secs(30), true);
    assert_eq!(results[0], results[1]);
    assert!(!results[0].passed);
}

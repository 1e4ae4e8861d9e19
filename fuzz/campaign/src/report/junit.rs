//! JUnit XML, which CI systems show as a list of tests.

use assay_differential::Class;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::ordered;
use super::remedy::remedy;
use crate::merge::Merged;
use crate::summary::Summary;
use crate::{Error, Result};

/// A suite per class, in which each finding fails; a class without findings is one test that
/// passes. The planted hole is a suite of its own.
pub fn report(merged: &Merged, summary: &Summary) -> Result<String> {
    let mut report = Report::new("assay campaign");
    let mut control = TestSuite::new("control");
    let mut status = TestCaseStatus::success();
    if !summary.trustworthy {
        status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message("the planted hole was not found: the campaign is not trustworthy");
    }
    control.add_test_case(TestCase::new(summary.control.planted.as_str(), status));
    report.add_test_suite(control);
    let all = ordered(merged);
    for class in Class::ALL {
        let mut suite = TestSuite::new(class.name());
        for cause in all.iter().filter(|cause| cause.finding().class == class) {
            let finding = cause.finding();
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(class.name());
            status.set_message(finding.summary.as_str());
            let told = &finding.explanation;
            status.set_description(format!(
                "{}\n{}\n{}\nseen {} times; {}/minimized.pkl",
                told.believed,
                told.mechanism,
                remedy(finding),
                finding.count,
                finding.directory()
            ));
            let mut case = TestCase::new(finding.bucket.as_str(), status);
            case.set_classname(finding.analyzer.as_str());
            suite.add_test_case(case);
        }
        if suite.test_cases.is_empty() {
            suite.add_test_case(TestCase::new("none found", TestCaseStatus::success()));
        }
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| Error::Config(error.to_string()))
}

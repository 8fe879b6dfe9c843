use claw_core::report::TopologyEdge;
use proptest::prelude::*;

use super::*;
use crate::deliver::sample;

#[test]
fn incident_leads_from_the_alert_to_the_cause() {
    let picture = Picture::new(&sample::incident().topology).unwrap();
    assert_eq!(picture.boxes.len(), 8);
    assert_eq!(picture.lines.len(), 8);
    let cause = picture.boxes.iter().find(|shape| shape.role == "cause").unwrap();
    let alerting = picture
        .boxes
        .iter()
        .find(|shape| shape.role == "alerting")
        .unwrap();
    assert_eq!(cause.caption.as_deref(), Some("ROOT CAUSE · Deployment"));
    assert_eq!(cause.name[0].text, "payments");
    assert!(alerting.x < cause.x);
    assert_eq!(picture.lines.iter().filter(|line| line.hot).count(), 3);
    assert_eq!(picture.note, None);
}

#[test]
fn of_many_services_the_neighbourhood_is_shown_with_a_note() {
    let picture = Picture::new(&sample::mesh(214)).unwrap();
    assert_eq!(picture.boxes.len(), select::NODES);
    assert!(picture.boxes.iter().any(|shape| shape.role == "cause"));
    assert!(
        picture
            .note
            .unwrap()
            .starts_with("Shown are the 60 of 214 entities")
    );
}

#[test]
fn the_gravest_are_kept_when_all_are_in_trouble() {
    let mut topology = sample::mesh(200);
    for node in topology
        .nodes
        .iter_mut()
        .filter(|node| node.role == Role::Healthy)
    {
        node.role = Role::Affected;
    }
    let picture = Picture::new(&topology).unwrap();
    assert!(picture.boxes.iter().any(|shape| shape.role == "cause"));
    assert!(picture.boxes.iter().any(|shape| shape.role == "alerting"));
}

#[test]
fn an_end_that_is_not_among_the_nodes_is_unseen() {
    let mut topology = sample::incident().topology;
    topology.nodes.retain(|node| node.entity.name != "redis");
    let picture = Picture::new(&topology).unwrap();
    assert!(
        picture
            .boxes
            .iter()
            .any(|shape| shape.name[0].text == "redis" && shape.role == "unseen")
    );
}

#[test]
fn what_is_connected_to_nothing_stands_below() {
    let mut topology = sample::incident().topology;
    topology
        .edges
        .retain(|edge: &TopologyEdge| edge.from.name != "cart" && edge.to.name != "cart");
    let picture = Picture::new(&topology).unwrap();
    let line = picture.loose.unwrap();
    let below: Vec<_> = picture
        .boxes
        .iter()
        .filter(|shape| shape.y >= line)
        .map(|shape| shape.name[0].text.as_str())
        .collect();
    assert_eq!(below, ["cart", "redis"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn boxes_are_inside_and_do_not_overlap(report in sample::arbitrary::report()) {
        if let Some(picture) = Picture::new(&report.topology) {
            for (index, a) in picture.boxes.iter().enumerate() {
                prop_assert!(a.x >= 0 && a.y >= 0 && a.x + a.width <= picture.width && a.y + a.height <= picture.height);
                for b in picture.boxes.iter().skip(index + 1) {
                    let apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
                    prop_assert!(apart, "{:?} {:?}", a, b);
                }
            }
        }
    }
}

use proptest::prelude::*;

use super::*;

const METRICS: Metrics = Metrics {
    width: 100.0,
    gap: 50.0,
    space: 10.0,
    most: 12,
    pass: 12.0,
};

fn lay(count: usize, edges: &[(usize, usize)]) -> Layout {
    layout(&vec![40.0; count], edges, METRICS)
}

#[test]
fn a_chain_is_a_straight_line() {
    let layout = lay(3, &[(0, 1), (1, 2)]);
    assert_eq!(layout.nodes, [(0.0, 20.0), (150.0, 20.0), (300.0, 20.0)]);
    assert_eq!(layout.edges[0].points, [(100.0, 20.0), (150.0, 20.0)]);
    assert_eq!((layout.width, layout.height), (400.0, 40.0));
}

#[test]
fn a_long_line_passes_between_the_boxes() {
    let layout = lay(3, &[(0, 1), (1, 2), (0, 2)]);
    let route = &layout.edges[2].points;
    assert_eq!(route.len(), 4);
    let (box_middle, line) = (layout.nodes[1].1, route[1].1);
    assert!((box_middle - line).abs() >= 20.0 + 6.0, "{layout:?}");
}

#[test]
fn crossings_are_taken_out() {
    // Two pairs that would cross in the order of the input.
    let layout = lay(4, &[(0, 3), (1, 2)]);
    assert_eq!(
        layout.nodes[0].1 < layout.nodes[1].1,
        layout.nodes[3].1 < layout.nodes[2].1
    );
}

#[test]
fn a_cycle_is_drawn_with_one_line_back() {
    let layout = lay(3, &[(0, 1), (1, 2), (2, 0)]);
    assert_eq!(
        layout.edges.iter().map(|edge| edge.back).collect::<Vec<_>>(),
        [false, false, true]
    );
    assert!(layout.edges[2].points[0].0 < layout.edges[2].points[3].0);
}

#[test]
fn a_caller_stands_next_to_what_it_calls() {
    let layout = lay(4, &[(0, 1), (1, 2), (3, 2)]);
    assert_eq!(layout.nodes[3].0, layout.nodes[1].0);
}

#[test]
fn edges_that_lead_nowhere_get_no_line() {
    let layout = lay(2, &[(0, 0), (0, 7), (0, 1)]);
    assert_eq!(layout.edges[0], Route::default());
    assert_eq!(layout.edges[1], Route::default());
    assert_eq!(layout.edges[2].points.len(), 2);
}

#[test]
fn an_overfull_layer_is_spread() {
    let edges: Vec<_> = (1..40).map(|leaf| (0, leaf)).collect();
    let layout = lay(40, &edges);
    assert!(layout.height <= 12.0 * 50.0 + 40.0 * 22.0, "{}", layout.height);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn boxes_never_overlap_and_lines_lead_to_the_right(
        count in 0_usize..40,
        edges in proptest::collection::vec((0_usize..44, 0_usize..44), 0..120),
    ) {
        let layout = lay(count, &edges);
        for (index, a) in layout.nodes.iter().enumerate() {
            prop_assert!(a.1 - 20.0 >= -1e-6 && a.1 + 20.0 <= layout.height + 1e-6);
            for b in layout.nodes.iter().skip(index + 1) {
                prop_assert!(a.0 != b.0 || (a.1 - b.1).abs() >= 50.0 - 1e-6, "{:?} {:?}", a, b);
            }
        }
        for (edge, route) in edges.iter().zip(&layout.edges) {
            prop_assert!(route.points.is_sorted_by(|a, b| a.0 < b.0));
            let (from, to) = if route.back { (edge.1, edge.0) } else { *edge };
            if let (Some(first), Some(last)) = (route.points.first(), route.points.last()) {
                prop_assert_eq!(first.1, layout.nodes[from].1);
                prop_assert_eq!(last.1, layout.nodes[to].1);
                // Lines pass a layer where no box is.
                for pass in route.points[1..route.points.len() - 1].iter() {
                    for node in &layout.nodes {
                        let inside = pass.0 >= node.0 && pass.0 <= node.0 + 100.0 && (pass.1 - node.1).abs() < 20.0;
                        prop_assert!(!inside, "{:?} in {:?}", pass, node);
                    }
                }
            }
        }
        prop_assert_eq!(lay(count, &edges), layout);
    }
}

//! Samples of any age, pushed to Prometheus.
//!
//! The message is a few fields of protobuf in a frame of snappy; both are written by hand, the frame uncompressed,
//! which every reader has to take.

use super::Service;
use crate::error::Error;

/// One series: its labels with `__name__`, and samples as milliseconds since 1970 and value.
#[derive(Clone, Debug)]
pub struct Series {
    /// Names and values.
    pub labels: Vec<(String, String)>,
    /// In the order of time.
    pub samples: Vec<(i64, f64)>,
}

/// Pushes series by remote write.
pub async fn push(prometheus: &Service, series: &[Series]) -> Result<(), Error> {
    let message: Vec<u8> = series
        .iter()
        .flat_map(|series| field(1, &encode(series)))
        .collect();
    let headers = [
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
    ];
    prometheus
        .send_bytes(
            "/api/v1/write",
            "application/x-protobuf",
            &headers,
            frame(&message),
        )
        .await
}

fn encode(series: &Series) -> Vec<u8> {
    let mut labels = series.labels.clone();
    labels.sort();
    let mut message = Vec::new();
    for (name, value) in labels {
        let label = [field(1, name.as_bytes()), field(2, value.as_bytes())].concat();
        message.extend(field(1, &label));
    }
    for (time, value) in &series.samples {
        let mut sample = vec![0x09];
        sample.extend(value.to_le_bytes());
        sample.push(0x10);
        sample.extend(number(time.cast_unsigned()));
        message.extend(field(2, &sample));
    }
    message
}

/// A field whose value has a length.
fn field(id: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![id << 3 | 2];
    bytes.extend(number(value.len() as u64));
    bytes.extend(value);
    bytes
}

/// Seven bits a byte, the lowest first.
fn number(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Literals only, of at most 60 bytes each.
fn frame(message: &[u8]) -> Vec<u8> {
    let mut bytes = number(message.len() as u64);
    for part in message.chunks(60) {
        bytes.push(((part.len() - 1) << 2) as u8);
        bytes.extend(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_frames_are_those_of_the_formats() {
        assert_eq!(number(300), [0xac, 0x02]);
        assert_eq!(field(1, b"ab"), [0x0a, 2, b'a', b'b']);
        let framed = frame(&[7; 61]);
        assert_eq!((framed[0], framed[1], framed[62]), (61, 59 << 2, 0));
        assert_eq!(framed.len(), 1 + 1 + 60 + 1 + 1);
    }
}

//! Who may talk to whom: authorities, certificates, tokens and kubeconfigs of one run.

use std::fs;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use serde_json::json;

use crate::error::Error;
use crate::machine;
use crate::run::RunFolder;

/// Names under which components of the run are reached.
const SERVED: [&str; 8] = [
    "localhost",
    "127.0.0.1",
    "10.96.0.1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "metrics-server.kube-system.svc",
];

/// Group of those that may read everything and change nothing.
pub(crate) const READERS: &str = "testbed:readers";

/// Users with their groups. One per component, so that the audit log tells them apart.
const USERS: [(&str, &str, &str); 7] = [
    ("admin", "admin", "system:masters"),
    ("kcm", "system:kube-controller-manager", ""),
    ("scheduler", "system:kube-scheduler", ""),
    ("kwok", "testbed:kwok", "system:masters"),
    ("metrics-server", "testbed:metrics-server", "system:masters"),
    ("prometheus", "testbed:prometheus", READERS),
    ("kube-state-metrics", "testbed:kube-state-metrics", READERS),
];

/// Makes keys, certificates and tokens, unless the run has them, and the kubeconfigs, whose port may be new.
pub(crate) fn prepare(run: &RunFolder) -> Result<(), Error> {
    if !run.path().join("tokens.csv").exists() {
        certificates(run)?;
        tokens(run)?;
    }
    kubeconfigs(run)
}

fn certificates(run: &RunFolder) -> Result<(), Error> {
    let (params, key) = authority("testbed")?;
    run.write("pki/ca.crt", params.self_signed(&key)?.pem().as_bytes())?;
    run.write("pki/ca.key", key.serialize_pem().as_bytes())?;
    let issuer = Issuer::new(params, key);

    // One certificate for everything that speaks TLS here.
    let (server, key) = serving(&issuer)?;
    run.write(SERVING[0], server.as_bytes())?;
    run.write(SERVING[1], key.as_bytes())?;

    // Who may forward requests to aggregated APIs in somebody's name: an authority for that alone.
    let (params, key) = authority("testbed-front-proxy")?;
    run.write(
        "pki/front-proxy-ca.crt",
        params.self_signed(&key)?.pem().as_bytes(),
    )?;
    let issuer = Issuer::new(params, key);
    let (proxy, key) = certificate("front-proxy-client", &[], ExtendedKeyUsagePurpose::ClientAuth)?;
    run.write(
        "pki/front-proxy.crt",
        proxy.signed_by(&key, &issuer)?.pem().as_bytes(),
    )?;
    run.write("pki/front-proxy.key", key.serialize_pem().as_bytes())?;

    // Signs the tokens of service accounts.
    let key = KeyPair::generate()?;
    run.write("pki/sa.key", key.serialize_pem().as_bytes())?;
    run.write("pki/sa.pub", key.public_key_pem().as_bytes())
}

/// The certificate with which everything here serves, and its key, as files of the run.
pub(crate) const SERVING: [&str; 2] = ["pki/server.crt", "pki/server.key"];

/// Such a certificate and its key, in PEM.
fn serving(issuer: &Issuer<'_, KeyPair>) -> Result<(String, String), Error> {
    let (server, key) = certificate("testbed", &SERVED, ExtendedKeyUsagePurpose::ServerAuth)?;
    Ok((server.signed_by(&key, issuer)?.pem(), key.serialize_pem()))
}

/// What serves a cluster whose authority was replaced: the new authority, and a certificate that it has signed with its key,
/// all in PEM.
pub(crate) fn replaced() -> Result<(String, [String; 2]), Error> {
    let (params, key) = authority("testbed-replaced")?;
    let authority = params.self_signed(&key)?.pem();
    let (certificate, key) = serving(&Issuer::new(params, key))?;
    Ok((authority, [certificate, key]))
}

/// A certificate of somebody who was an administrator until it ran out, and its key, in PEM. The authority of the run has signed it.
pub(crate) fn expired(run: &RunFolder) -> Result<[String; 2], Error> {
    let path = run.path().join("pki/ca.key");
    let pem = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    let (params, _) = authority("testbed")?;
    let issuer = Issuer::new(params, KeyPair::from_pem(&pem)?);
    let (mut late, key) = certificate("late", &[], ExtendedKeyUsagePurpose::ClientAuth)?;
    late.distinguished_name
        .push(DnType::OrganizationName, "system:masters");
    late.not_after = date_time_ymd(2021, 1, 1);
    Ok([late.signed_by(&key, &issuer)?.pem(), key.serialize_pem()])
}

fn authority(name: &str) -> Result<(CertificateParams, KeyPair), Error> {
    let mut params = named(name, &[])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok((params, KeyPair::generate()?))
}

fn certificate(
    name: &str,
    served: &[&str],
    usage: ExtendedKeyUsagePurpose,
) -> Result<(CertificateParams, KeyPair), Error> {
    let mut params = named(name, served)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    Ok((params, KeyPair::generate()?))
}

fn named(name: &str, served: &[&str]) -> Result<CertificateParams, Error> {
    let served: Vec<String> = served.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(served)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 1, 1);
    Ok(params)
}

fn tokens(run: &RunFolder) -> Result<(), Error> {
    let mut table = String::new();
    for (name, user, groups) in USERS {
        let token = machine::secret(24)?;
        run.write(&format!("tokens/{name}"), token.as_bytes())?;
        table.push_str(&format!("{token},{user},{user},\"{groups}\"\n"));
    }
    run.write("tokens.csv", table.as_bytes())
}

fn kubeconfigs(run: &RunFolder) -> Result<(), Error> {
    for (name, _, _) in USERS {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": "testbed",
                "cluster": {
                    "server": run.https("apiserver"),
                    "certificate-authority-data": authority_base64(run)?,
                },
            }],
            "users": [{ "name": name, "user": { "token": run.token(name)? } }],
            "contexts": [{ "name": "testbed", "context": { "cluster": "testbed", "user": name } }],
            "current-context": "testbed",
        });
        let text = format!("{config:#}\n");
        run.write(&format!("kubeconfigs/{name}"), text.as_bytes())?;
        if name == "admin" {
            run.write("kubeconfig", text.as_bytes())?;
        }
    }
    Ok(())
}

/// The authority of the run, as objects and kubeconfigs carry it.
pub(crate) fn authority_base64(run: &RunFolder) -> Result<String, Error> {
    use base64::Engine as _;
    let path = run.path().join("pki/ca.crt");
    let pem = fs::read(&path).map_err(Error::io("read", &path))?;
    Ok(base64::engine::general_purpose::STANDARD.encode(pem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_made_once_and_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let mut run = RunFolder::create(folder.path()).unwrap();
        prepare(&run).unwrap();
        let token = run.token("admin").unwrap();
        run.state.ports.insert("apiserver".to_owned(), 7777);
        prepare(&run).unwrap();
        assert_eq!(run.token("admin").unwrap(), token);
        let kubeconfig = fs::read_to_string(run.file("kubeconfig")).unwrap();
        assert!(kubeconfig.contains("https://127.0.0.1:7777") && kubeconfig.contains(&token));
        assert!(!kubeconfig.contains("insecure"));
        let mode = fs::metadata(run.file("pki/ca.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
        for name in ["pki/ca.crt", "pki/server.crt", "pki/front-proxy.crt"] {
            assert!(
                fs::read_to_string(run.file(name))
                    .unwrap()
                    .starts_with("-----BEGIN CERTIFICATE")
            );
        }
    }
}

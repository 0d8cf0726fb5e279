//! An issuer in this process that can be spoiled in one place at a time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, Json, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, serve};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_credential::dpop::{DpopExpectations, verify_dpop};
use chancery_credential::proof::{KeyProofExpectations, verify_key_proof};
use chancery_credential::status_list::StatusList;
use chancery_credential::x509::Anchors;
use chancery_credential::{CertificateChain, DevelopmentCa, SigningKey, SystemRandom, did, jose};
use chancery_domain::clock::{Clock as _, SystemClock};
use chancery_domain::{CredentialStatus, random_bytes};
use chancery_protocol::offer::{
    CredentialOffer, Grants, OfferLink, PRE_AUTHORIZED_CODE, PreAuthorizedCode, TxCode,
};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime};

/// Where the issuer can be spoiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    IssuerMetadata,
    ServerMetadata,
    Token,
    Nonce,
    CredentialHeader,
    CredentialClaims,
    CredentialResponse,
    JwtVcIssuer,
    Did,
    StatusClaims,
}

/// A change of a document before it is sent or signed.
pub(super) type Spoil = fn(&mut Value);

/// How it behaves.
pub(super) struct Behaviour {
    pub(super) spoil: Option<(Place, Spoil)>,
    pub(super) tx_code: Option<&'static str>,
    pub(super) dpop: bool,
    /// Answers with authorization details, asked or not.
    pub(super) identifiers: bool,
    /// How many nonces are refused as stale.
    pub(super) stale_nonces: usize,
    pub(super) no_store: bool,
    pub(super) status: CredentialStatus,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            spoil: None,
            tx_code: None,
            dpop: true,
            identifiers: false,
            stale_nonces: 0,
            no_store: true,
            status: CredentialStatus::Valid,
        }
    }
}

/// A running issuer.
pub(super) struct Mock {
    behaviour: Behaviour,
    issuer: String,
    key: SigningKey,
    chain: CertificateChain,
    pub(super) ca: DevelopmentCa,
    nonces: Mutex<HashSet<String>>,
    refused: Mutex<usize>,
    /// What wallets reported: event and description.
    pub(super) notified: Mutex<Vec<Value>>,
}

pub(super) fn now() -> OffsetDateTime {
    SystemClock.now()
}

impl Mock {
    /// Starts one on a free port of this machine.
    pub(super) async fn start(behaviour: Behaviour) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://localhost:{}/acme", listener.local_addr().unwrap().port());
        let key = SigningKey::es256(&[7; 32]).unwrap();
        let ca = DevelopmentCa::generate(now(), &SystemRandom).unwrap();
        let chain = ca.issue_leaf(key.public_jwk(), &issuer, now(), now() + Duration::days(90)).unwrap();
        let mock = Arc::new(Self {
            behaviour,
            issuer,
            key,
            chain,
            ca,
            nonces: Mutex::default(),
            refused: Mutex::default(),
            notified: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-credential-issuer/acme", get(issuer_metadata))
            .route("/.well-known/oauth-authorization-server/acme", get(server_metadata))
            .route("/.well-known/jwt-vc-issuer/acme", get(jwt_vc_issuer))
            .route("/acme/did.json", get(did_document))
            .route("/acme/offers/secret", get(offer))
            .route("/acme/token", post(token))
            .route("/acme/nonce", post(nonce))
            .route("/acme/credential", post(credential))
            .route("/acme/notification", post(notification))
            .route("/acme/status-lists/1", get(status_list))
            .with_state(mock.clone());
        tokio::spawn(async move { serve(listener, router).await.unwrap() });
        mock
    }

    pub(super) fn link(&self) -> OfferLink {
        OfferLink::ByReference(self.at("/offers/secret"))
    }

    pub(super) fn offer(&self) -> CredentialOffer {
        let tx_code = self.behaviour.tx_code.map(|_| TxCode { length: Some(6), ..TxCode::default() });
        let grant = PreAuthorizedCode { pre_authorized_code: "code".into(), tx_code };
        CredentialOffer {
            credential_issuer: self.issuer.clone(),
            credential_configuration_ids: vec!["badge".into()],
            grants: Some(Grants { pre_authorized_code: Some(grant), ..Grants::default() }),
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    fn spoiled(&self, place: Place, mut document: Value) -> Value {
        if let Some((at, spoil)) = self.behaviour.spoil
            && at == place
        {
            spoil(&mut document);
        }
        document
    }

    /// `typ`, and the rest of a credential's header.
    fn header(&self) -> (String, Map<String, Value>) {
        let header = json!({"typ": "dc+sd-jwt", "kid": self.key.key_id(), "x5c": self.chain.x5c()});
        let mut header = self.spoiled(Place::CredentialHeader, header).as_object().unwrap().clone();
        (header.remove("typ").unwrap().as_str().unwrap().to_owned(), header)
    }

    /// Checks a DPoP proof as the server does; the answer to one without the right nonce, if so.
    fn check_dpop(&self, headers: &HeaderMap, path: &str, token: Option<&str>) -> Option<Response> {
        if !self.behaviour.dpop {
            assert!(headers.get("dpop").is_none(), "a proof that nobody advertised");
            return None;
        }
        let proof = headers["dpop"].to_str().unwrap();
        let url = self.at(path);
        let expected = DpopExpectations { method: "POST", url: &url, access_token: token, now: now() };
        let proof = verify_dpop(proof, &expected).unwrap();
        let nonce = if token.is_some() { "resource-nonce" } else { "server-nonce" };
        if proof.nonce.as_deref() == Some(nonce) {
            return None;
        }
        let dpop_nonce = [("dpop-nonce", nonce)];
        let body = Json(json!({"error": "use_dpop_nonce"}));
        Some(if token.is_some() {
            let challenge = [(header::WWW_AUTHENTICATE, "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"")];
            (StatusCode::UNAUTHORIZED, dpop_nonce, challenge).into_response()
        } else {
            (StatusCode::BAD_REQUEST, dpop_nonce, body).into_response()
        })
    }

    /// One copy: two claims, one of them disclosed, bound to `holder`.
    async fn issue(&self, holder: &Value, index: usize) -> String {
        let hour = now().unix_timestamp() / 3600 * 3600;
        let salt = URL_SAFE_NO_PAD.encode(random_bytes::<16>(&SystemRandom));
        let disclosure = URL_SAFE_NO_PAD.encode(json!([salt, "given_name", "Ada"]).to_string());
        let claims = json!({
            "iss": self.issuer,
            "vct": "urn:example:badge",
            "iat": hour,
            "exp": hour + 86_400,
            "cnf": {"jwk": holder},
            "status": {"status_list": {"idx": index, "uri": self.at("/status-lists/1")}},
            "department": "Engines",
            "_sd": [URL_SAFE_NO_PAD.encode(Sha256::digest(&disclosure))],
            "_sd_alg": "sha-256",
        });
        let claims = self.spoiled(Place::CredentialClaims, claims);
        let (typ, header) = self.header();
        let jwt = jose::sign(&typ, header, claims.as_object().unwrap(), &self.key).await.unwrap();
        format!("{jwt}~{disclosure}~")
    }
}

async fn issuer_metadata(State(mock): State<Arc<Mock>>) -> Json<Value> {
    let claim = |name: &str, mandatory: bool| json!({"path": [name], "mandatory": mandatory});
    Json(mock.spoiled(
        Place::IssuerMetadata,
        json!({
            "credential_issuer": mock.issuer,
            "credential_endpoint": mock.at("/credential"),
            "nonce_endpoint": mock.at("/nonce"),
            "notification_endpoint": mock.at("/notification"),
            "batch_credential_issuance": {"batch_size": 5},
            "credential_configurations_supported": {"badge": {
                "format": "dc+sd-jwt",
                "vct": "urn:example:badge",
                "scope": "badge",
                "cryptographic_binding_methods_supported": ["jwk"],
                "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": ["ES256"]}},
                "credential_metadata": {"claims": [
                    claim("given_name", true), claim("department", true), claim("nickname", false),
                ]},
            }},
        }),
    ))
}

async fn server_metadata(State(mock): State<Arc<Mock>>) -> Json<Value> {
    let mut document = json!({
        "issuer": mock.issuer,
        "token_endpoint": mock.at("/token"),
        "grant_types_supported": [PRE_AUTHORIZED_CODE],
        "pre-authorized_grant_anonymous_access_supported": true,
        "authorization_details_types_supported": ["openid_credential"],
    });
    if mock.behaviour.dpop {
        document["dpop_signing_alg_values_supported"] = json!(["ES256"]);
    }
    Json(mock.spoiled(Place::ServerMetadata, document))
}

async fn jwt_vc_issuer(State(mock): State<Arc<Mock>>) -> Json<Value> {
    let keys = json!({"keys": [mock.key.public_jwk().to_published()]});
    Json(mock.spoiled(Place::JwtVcIssuer, json!({"issuer": mock.issuer, "jwks": keys})))
}

async fn did_document(State(mock): State<Arc<Mock>>) -> Response {
    let did = did::did_web(&mock.issuer).unwrap();
    let document = did::did_document(&did, &[mock.key.public_jwk().clone()]);
    let content_type = [(header::CONTENT_TYPE, "application/did+json")];
    (content_type, mock.spoiled(Place::Did, document).to_string()).into_response()
}

async fn offer(State(mock): State<Arc<Mock>>) -> Json<Value> {
    Json(json!(mock.offer()))
}

fn refused(code: &str) -> Response {
    let body = Json(json!({"error": code, "error_description": "because"}));
    (StatusCode::BAD_REQUEST, body).into_response()
}

async fn token(
    State(mock): State<Arc<Mock>>,
    headers: HeaderMap,
    Form(form): Form<Map<String, Value>>,
) -> Response {
    if let Some(answer) = mock.check_dpop(&headers, "/token", None) {
        return answer;
    }
    assert_eq!(form["grant_type"], PRE_AUTHORIZED_CODE);
    if form["pre-authorized_code"] != "code"
        || form.get("tx_code").and_then(Value::as_str) != mock.behaviour.tx_code
    {
        return refused("invalid_grant");
    }
    let token_type = if mock.behaviour.dpop { "DPoP" } else { "Bearer" };
    let mut answer = json!({"access_token": "token", "token_type": token_type, "expires_in": 300});
    if mock.behaviour.identifiers || form.contains_key("authorization_details") {
        answer["authorization_details"] = json!([{
            "type": "openid_credential",
            "credential_configuration_id": "badge",
            "credential_identifiers": ["badge-of-ada"],
        }]);
    }
    stored(&mock, Place::Token, answer)
}

/// With or without `no-store`.
fn stored(mock: &Mock, place: Place, answer: Value) -> Response {
    let mut response = Json(mock.spoiled(place, answer)).into_response();
    if mock.behaviour.no_store {
        response.headers_mut().insert(header::CACHE_CONTROL, "no-store".parse().unwrap());
    }
    response
}

async fn nonce(State(mock): State<Arc<Mock>>) -> Response {
    let nonce = URL_SAFE_NO_PAD.encode(random_bytes::<16>(&SystemRandom));
    mock.nonces.lock().unwrap().insert(nonce.clone());
    stored(&mock, Place::Nonce, json!({"c_nonce": nonce}))
}

async fn credential(
    State(mock): State<Arc<Mock>>,
    headers: HeaderMap,
    Json(request): Json<Value>,
) -> Response {
    if let Some(answer) = mock.check_dpop(&headers, "/credential", Some("token")) {
        return answer;
    }
    let scheme = if mock.behaviour.dpop { "DPoP token" } else { "Bearer token" };
    assert_eq!(headers[header::AUTHORIZATION], scheme);
    let by_identifier = request.get("credential_identifier").is_some();
    assert_ne!(by_identifier, request.get("credential_configuration_id").is_some());
    assert!(by_identifier || !mock.behaviour.identifiers);

    let expected = KeyProofExpectations {
        issuer: &mock.issuer,
        client_id: None,
        attesters: &Anchors::default(),
        now: now(),
    };
    let proofs = request["proofs"]["jwt"].as_array().unwrap();
    let proofs: Vec<_> =
        proofs.iter().map(|jwt| verify_key_proof(jwt.as_str().unwrap(), &expected).unwrap()).collect();
    for proof in &proofs {
        assert!(mock.nonces.lock().unwrap().contains(proof.nonce.as_ref().unwrap()));
    }
    {
        let mut refusals = mock.refused.lock().unwrap();
        if *refusals < mock.behaviour.stale_nonces {
            *refusals += 1;
            return refused("invalid_nonce");
        }
    }
    let mut credentials = Vec::new();
    for (index, proof) in proofs.iter().enumerate() {
        let credential = mock.issue(&json!(proof.holder), index * 7 % 16).await;
        credentials.push(json!({"credential": credential}));
    }
    let answer = json!({"credentials": credentials, "notification_id": "note"});
    stored(&mock, Place::CredentialResponse, answer)
}

async fn notification(
    State(mock): State<Arc<Mock>>,
    headers: HeaderMap,
    Json(request): Json<Value>,
) -> Response {
    if let Some(answer) = mock.check_dpop(&headers, "/notification", Some("token")) {
        return answer;
    }
    assert_eq!(request["notification_id"], "note");
    mock.notified.lock().unwrap().push(request);
    StatusCode::NO_CONTENT.into_response()
}

async fn status_list(State(mock): State<Arc<Mock>>) -> Response {
    let mut list = StatusList::valid(16);
    list.set(0, mock.behaviour.status).unwrap();
    let uri = mock.at("/status-lists/1");
    let claims = json!({
        "sub": uri,
        "iat": now().unix_timestamp(),
        "exp": now().unix_timestamp() + 60,
        "status_list": {"bits": 2, "lst": list.to_lst()},
    });
    let claims = mock.spoiled(Place::StatusClaims, claims);
    let header = json!({"kid": mock.key.key_id(), "x5c": mock.chain.x5c()});
    let header = header.as_object().unwrap().clone();
    let token = jose::sign("statuslist+jwt", header, claims.as_object().unwrap(), &mock.key).await.unwrap();
    ([(header::CONTENT_TYPE, "application/statuslist+jwt")], token).into_response()
}

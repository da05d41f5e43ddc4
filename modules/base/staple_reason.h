/* The closed list of everything that can happen, with name and sentence. */
#ifndef STAPLE_REASON_H
#define STAPLE_REASON_H

#include <apr.h>

/*
 * X(constant, name, sentence).  The name is what the status page, the event
 * log and `ocspstaple verify` print, and never changes its meaning.  The
 * sentence completes "the response was not used: ...".
 */
#define STAPLE_REASONS(X)                                                      \
    X(STAPLE_OK, "ok", "all is well")                                          \
    /* certificates */                                                         \
    X(STAPLE_CERT_UNREADABLE, "certificate_unreadable",                        \
      "the certificate cannot be read as PEM")                                 \
    X(STAPLE_CERT_SELF_SIGNED, "certificate_self_signed",                      \
      "the certificate is self-signed: no authority can revoke it")            \
    X(STAPLE_CERT_NO_ISSUER, "issuer_missing",                                 \
      "the certificate of its issuer is not configured")                       \
    X(STAPLE_CERT_NO_URL, "certificate_without_url",                           \
      "the certificate names no OCSP responder that can be used")              \
    X(STAPLE_CERT_NO_SOURCE, "no_source",                                      \
      "no responder may be asked (OCSPStapleResponder none), and no "          \
      "OCSPStapleResponseFile is given")                                       \
    X(STAPLE_CERT_WRONG_ISSUER, "wrong_issuer",                                \
      "the issuer certificate is not the one that the certificate or the "     \
      "response names")                                                        \
    /* URLs */                                                                 \
    X(STAPLE_URL_TOO_LONG, "url_too_long",                                     \
      "the URL is longer than 2048 characters")                                \
    X(STAPLE_URL_SCHEME, "url_scheme",                                         \
      "the URL does not start with http:// or https://")                       \
    X(STAPLE_URL_CREDENTIALS, "url_credentials",                               \
      "the URL carries a user name or password")                               \
    X(STAPLE_URL_CHARACTER, "url_character",                                   \
      "the URL has a character that no URL may have")                          \
    X(STAPLE_URL_HOST, "url_host", "the URL names no valid host and port")     \
    X(STAPLE_URL_QUERY, "url_query",                                           \
      "a URL with a query cannot be asked by GET")                             \
    /* the exchange */                                                         \
    X(STAPLE_RESPONDER_DOWN, "responder_down",                                 \
      "the server failed again and again a moment ago and is left alone "      \
      "until its next probe")                                                  \
    X(STAPLE_RESOLVE, "resolve", "the server's host name does not resolve")    \
    X(STAPLE_CONNECT, "connect", "no connection to the server")                \
    X(STAPLE_TLS, "tls", "the TLS connection to the server failed")            \
    X(STAPLE_TIMEOUT, "timeout", "the server did not answer in time")          \
    X(STAPLE_NETWORK, "network",                                               \
      "the connection broke before the whole "                                 \
      "answer was there")                                                      \
    X(STAPLE_HTTP_STATUS, "http_status",                                       \
      "the server answered with an HTTP status other than 200")                \
    X(STAPLE_HTTP_TYPE, "http_type",                                           \
      "the answer is not of the type that was asked for")                      \
    X(STAPLE_EMPTY, "empty", "the answer is empty")                            \
    X(STAPLE_TOO_LARGE, "too_large", "the answer is larger than it may be")    \
    X(STAPLE_REQUEST_TOO_LARGE, "request_too_large",                           \
      "the request does not fit into a GET (RFC 5019: 255 bytes)")             \
    /* the response: RFC 6960 4.2.1 error statuses */                          \
    X(STAPLE_STATUS_MALFORMED_REQUEST, "malformed_request",                    \
      "the responder says malformedRequest")                                   \
    X(STAPLE_STATUS_INTERNAL_ERROR, "internal_error",                          \
      "the responder says internalError")                                      \
    X(STAPLE_STATUS_TRY_LATER, "try_later", "the responder says tryLater")     \
    X(STAPLE_STATUS_SIG_REQUIRED, "sig_required",                              \
      "the responder says sigRequired")                                        \
    X(STAPLE_STATUS_UNAUTHORIZED, "unauthorized",                              \
      "the responder says unauthorized: it does not know this certificate")    \
    X(STAPLE_STATUS_OTHER, "error_status",                                     \
      "the responder says an error status that does not exist")                \
    /* the response: what verification refuses */                              \
    X(STAPLE_MALFORMED, "malformed",                                           \
      "the answer is not a well-formed OCSP response")                         \
    X(STAPLE_NOT_BASIC, "not_basic",                                           \
      "the response is not of type id-pkix-ocsp-basic")                        \
    X(STAPLE_RESPONSE_VERSION, "response_version",                             \
      "the response is of another version than 1")                             \
    X(STAPLE_NO_MATCH, "no_matching_response",                                 \
      "the response says nothing about this certificate")                      \
    X(STAPLE_CRITICAL_EXTENSION, "critical_extension",                         \
      "the response has a critical extension that is not understood")          \
    X(STAPLE_NONCE, "nonce", "the response carries another nonce than asked")  \
    X(STAPLE_SIGNER_NOT_FOUND, "responder_unidentified",                       \
      "the certificate of the named responder is neither the issuer's nor in " \
      "the response")                                                          \
    X(STAPLE_TOO_MANY_SIGNERS, "too_many_responders",                          \
      "more than 4 certificates in the response bear the name or key of the "  \
      "responder")                                                             \
    X(STAPLE_SIGNER_EXPIRED, "responder_expired",                              \
      "the responder's certificate is not valid at this time")                 \
    X(STAPLE_SIGNER_NOT_AUTHORISED, "responder_not_authorised",                \
      "the responder's certificate is not authorised by the issuer")           \
    X(STAPLE_WEAK_SIGNATURE, "weak_signature",                                 \
      "the response, or its responder's certificate, is signed with a digest " \
      "that is no longer trusted")                                             \
    X(STAPLE_WEAK_KEY, "weak_key",                                             \
      "the key of the responder or issuer is too weak, or of a kind or size "  \
      "that is not accepted")                                                  \
    X(STAPLE_BAD_SIGNATURE, "bad_signature",                                   \
      "the signature of the response is wrong")                                \
    X(STAPLE_BAD_TIMES, "bad_times",                                           \
      "the times of the response cannot be read or contradict each other")     \
    X(STAPLE_NOT_YET_VALID, "not_yet_valid",                                   \
      "the response is not valid yet: check the clocks of this server and of " \
      "the responder")                                                         \
    X(STAPLE_EXPIRED, "expired", "the response is out of date")                \
    /* the response is fine, but is not taken */                               \
    X(STAPLE_OLDER, "older_than_held",                                         \
      "the response is older than the one held")                               \
    X(STAPLE_ENDS_SOON, "ends_soon",                                           \
      "the response ends before another could be had, and the one held lives " \
      "longer")                                                                \
    X(STAPLE_UNKNOWN, "status_unknown",                                        \
      "the responder says that it does not know the certificate's status")     \
    /* this machine */                                                         \
    X(STAPLE_NOT_FOUND, "not_found", "there is no such certificate or staple") \
    X(STAPLE_DAMAGED, "damaged",                                               \
      "what was stored is damaged or of another certificate")                  \
    X(STAPLE_STAPLE_TOO_LARGE, "staple_too_large",                             \
      "the response is longer than OCSPStapleMaxSize lets a staple be")        \
    X(STAPLE_NO_MEMORY, "no_memory", "no memory could be had")                 \
    X(STAPLE_FILE_UNREADABLE, "file_unreadable",                               \
      "the file is not there, or cannot be read")                              \
    X(STAPLE_FILE_UNWRITABLE, "file_unwritable",                               \
      "a file for what is received could not be made or written")              \
    /* CRLs: what the certificate says of them */                              \
    X(STAPLE_CRL_NO_URL, "crl_no_url",                                         \
      "the certificate names no CRL that can be fetched by http or https")     \
    X(STAPLE_CRL_POINTS_UNREADABLE, "crl_points_unreadable",                   \
      "the certificate's CRL distribution points cannot be read")              \
    X(STAPLE_CRL_ISSUER, "crl_issuer",                                         \
      "the certificate's CRL is issued by somebody else than the certificate " \
      "(cRLIssuer), which is not supported")                                   \
    X(STAPLE_CRL_RELATIVE_NAME, "crl_relative_name",                           \
      "the distribution point has a name relative to its issuer's, which is "  \
      "not supported")                                                         \
    X(STAPLE_CRL_SOME_REASONS, "crl_some_reasons",                             \
      "the CRL covers some reasons of revocation only, which is not "          \
      "supported")                                                             \
    /* what its verification refuses */                                        \
    X(STAPLE_CRL_MALFORMED, "crl_malformed",                                   \
      "this is not a well-formed CRL in DER")                                  \
    X(STAPLE_CRL_CRITICAL, "crl_critical_extension",                           \
      "the CRL has a critical extension that is not understood")               \
    X(STAPLE_CRL_INDIRECT, "crl_indirect",                                     \
      "the CRL covers certificates of several issuers, which is not "          \
      "supported")                                                             \
    X(STAPLE_CRL_WRONG_ISSUER, "crl_wrong_issuer",                             \
      "the CRL is not of the certificate's issuer")                            \
    X(STAPLE_CRL_WRONG_POINT, "crl_wrong_point",                               \
      "the CRL is that of another distribution point")                         \
    X(STAPLE_CRL_WRONG_SCOPE, "crl_wrong_scope",                               \
      "the CRL is about other kinds of certificates")                          \
    X(STAPLE_CRL_NO_SIGN, "crl_no_sign",                                       \
      "the issuer's certificate does not allow it to sign CRLs")               \
    X(STAPLE_CRL_SIGNER_EXPIRED, "crl_signer_expired",                         \
      "the certificate of the CRL's signer is not valid at this time")         \
    X(STAPLE_CRL_WEAK_SIGNATURE, "crl_weak_signature",                         \
      "the CRL is signed in a way that is not known or no longer trusted")     \
    X(STAPLE_CRL_BAD_SIGNATURE, "crl_bad_signature",                           \
      "the signature of the CRL is wrong")                                     \
    X(STAPLE_CRL_BAD_TIMES, "crl_bad_times",                                   \
      "the times of the CRL contradict each other")                            \
    X(STAPLE_CRL_NOT_YET_VALID, "crl_not_yet_valid",                           \
      "the CRL is not valid yet: check the clocks of this server and of the "  \
      "certificate authority")                                                 \
    X(STAPLE_CRL_EXPIRED, "crl_expired", "the CRL is out of date")             \
    X(STAPLE_CRL_OLDER, "crl_older", "the CRL is older than the one held")     \
    X(STAPLE_CRL_IS_DELTA, "crl_is_delta",                                     \
      "this is a delta CRL, which says nothing without its base")              \
    X(STAPLE_CRL_DELTA_BASE, "crl_delta_base",                                 \
      "the delta CRL does not go with the base CRL")                           \
    /* certificates for which there is neither */                              \
    X(STAPLE_CERT_SHORT_LIVED, "short_lived",                                  \
      "the certificate lives for 7 days at most, and names neither an OCSP "   \
      "responder nor a CRL")

typedef enum {
#define STAPLE_REASON_ENUM(constant, name, sentence) constant,
    STAPLE_REASONS(STAPLE_REASON_ENUM)
#undef STAPLE_REASON_ENUM
    STAPLE_REASON_COUNT
} staple_reason_e;

/* The reason's name: a word that programs may compare.  Never NULL. */
const char *staple_reason_name(staple_reason_e reason);

/* The reason's sentence, without a full stop.  Never NULL. */
const char *staple_reason_sentence(staple_reason_e reason);

/* The number by which files know the reason: made from its name, it stays the
 * same however the list above grows. */
apr_uint32_t staple_reason_code(staple_reason_e reason);

/* The reason with this code, or STAPLE_OK where none has it. */
staple_reason_e staple_reason_of_code(apr_uint32_t code);

#endif

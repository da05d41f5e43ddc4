/* What a server showed of its staple -> how bad that is, in a sentence. */
#ifndef CLI_FINDING_H
#define CLI_FINDING_H

#include "cli_connect.h"
#include "cli_verdict.h"

/* Where the time that a staple is still good for begins to be too short;
 * below zero: the rule of its own that cli_finding.c has. */
typedef struct cli_limits_t {
    apr_interval_time_t warn, critical;
} cli_limits_t;

/* One look at one server. */
typedef struct cli_finding_t {
    const cli_target_t *target;
    const char *label; /* of the target among others: with the TLS version */
    int version;       /* of TLS, OpenSSL's constant; 0: as negotiated */
    cli_peer_t peer;
    const char *failed; /* why there was no handshake, or NULL */
    int is_judged;      /* there was a staple, and `verdict` is about it */
    cli_verdict_t verdict;
    const char *signer;  /* of a verified staple: its subject, or NULL */
    int is_delegate;     /* the signer is not the issuer itself */
    const char *crl_url; /* where its CRL is, if that was asked; or NULL */
    cli_verdict_t crl;   /* what that says */
    cli_limits_t limits; /* those that held */
    int exit;            /* CLI_PLUGIN_... */
    const char *why;     /* one sentence, printable */
} cli_finding_t;

/* Is the verdict about a staple that says good or revoked or unknown? */
int cli_finding_is_verified(const cli_finding_t *finding);

/* Reads the certificate of what was found at `now`: target, label, peer and
 * failed are set. */
void cli_finding_read(cli_finding_t *finding, apr_pool_t *p, apr_time_t now);

/* Where the CRL is that says what no staple can: the certificate names a CRL
 * and no responder.  NULL: nowhere, or there is a staple, or no issuer's
 * certificate to judge a CRL by. */
const char *cli_finding_crl(const cli_finding_t *finding, apr_pool_t *p);

/*
 * Judges what was found and read; where its CRL was asked, crl_url and crl are
 * set.  Critical: what clients refuse, or what is revoked, or a staple that
 * ends within limits->critical.  Warning: a staple that ends within
 * limits->warn, or none where there could be one, or a CRL that tells nothing
 * where there is none.
 */
void cli_finding_judge(cli_finding_t *finding, apr_pool_t *p,
                       const staple_policy_t *policy,
                       const cli_limits_t *limits);

#endif

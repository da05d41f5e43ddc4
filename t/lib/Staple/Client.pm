package Staple::Client;

# TLS clients: a handshake that returns the staple, and thousands of them.

use strict;
use warnings;

use Exporter 'import';
use Time::HiRes qw(sleep);

use Staple::Process qw(capture spawn reap wait_until find_program read_file);
use Staple::Test ();

our @EXPORT = qw(staple wait_staple gnutls_cli curl_cert_status handshakes
                 wait_all_stapled start_handshakes);

# How each client is told which kind of certificate it wants.
my %kind = (
    rsa => { '1.2' => ['-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'],
             '1.3' => ['-sigalgs', 'rsa_pss_rsae_sha256'] },
    ec  => { '1.2' => ['-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
             '1.3' => ['-sigalgs', 'ecdsa_secp256r1_sha256'] },
);

# One handshake by `openssl s_client -status`:
#   { sent => 1, response_status => 'successful', cert_status => 'good',
#     serial => '0A', this_update => text, next_update => text, verify => 0,
#     ok => 1, text => all of it }
# Options: tls '1.2' or '1.3', kind 'rsa' or 'ec', ca FILE, port, args [..].
# Nothing was sent: { sent => 0 }; no handshake: { ok => 0, sent => 0 }.
sub staple {
    my ($server, $name, %opt) = @_;
    my $tls = $opt{tls} // '1.3';
    my $port = $opt{port} // $server->port;
    my ($text) = capture([
        'openssl', 's_client', '-connect', "127.0.0.1:$port",
        '-servername', $name, '-status', $tls eq '1.2' ? '-tls1_2' : '-tls1_3',
        $opt{ca} ? ('-CAfile', $opt{ca}) : (),
        $opt{kind} ? @{ $kind{ $opt{kind} }{$tls} } : (),
        @{ $opt{args} || [] }], timeout => $opt{timeout} // 10);
    my %result = (text => $text, sent => 0);

    $result{ok} = $text =~ /^New, TLSv/m ? 1 : 0;
    ($result{verify}) = $text =~ /Verify return code: (\d+)/;
    if ($text =~ /^OCSP Response Data:/m) {
        $result{sent} = 1;
        ($result{response_status}) = $text =~ /OCSP Response Status: (\S+)/;
        ($result{cert_status}) = $text =~ /Cert Status: (\S+)/;
        ($result{serial}) = $text =~ /Serial Number: (\S+)/;
        ($result{this_update}) = $text =~ /This Update: (.*)/;
        ($result{next_update}) = $text =~ /Next Update: (.*)/;
        ($result{produced_at}) = $text =~ /Produced At: (.*)/;
    }
    # OpenSSL 3.0; 3.6 and TLS 1.3, TLS 1.2.
    elsif ($text !~ /^OCSP\ responses?:\ no\ responses?\ sent
                     |^OCSP\ response:\ no\ OCSP\ response\ received/mx) {
        $result{ok} = 0;
    }
    return \%result;
}

# The same until there is a staple (or, with until => sub, until the sub likes
# it); after `within` seconds (10) the last result, whatever it is.
sub wait_staple {
    my ($server, $name, %opt) = @_;
    my $until = delete $opt{until} // sub { $_[0]{sent} };
    my $last;

    wait_until(sub {
        $last = staple($server, $name, %opt);
        return $until->($last);
    }, delete $opt{within} // 10, 0.05);
    return $last;
}

# GnuTLS: { ok => handshake done and certificate trusted, sent => it saw a
# staple, text }.  Options: tls, ca.
sub gnutls_cli {
    my ($server, $name, %opt) = @_;
    my $version = $opt{tls} ? "NORMAL:-VERS-ALL:+VERS-TLS$opt{tls}" : 'NORMAL';
    my ($text, $status) = capture([
        'gnutls-cli', '--priority', $version, '--sni-hostname', $name,
        '--verify-hostname', $name, $opt{ca} ? ("--x509cafile=$opt{ca}") : (),
        '-p', $server->port, '127.0.0.1'], timeout => $opt{timeout} // 10);

    return {
        text => $text, ok => $status eq '0' && $text =~ /Handshake was completed/,
        sent => $text =~ /Options:.*OCSP status request/ ? 1 : 0,
        trusted => $text =~ /The certificate is trusted/ ? 1 : 0,
    };
}

# `curl --cert-status`: its exit status; 0 good, 91 no or no good staple.
sub curl_cert_status {
    my ($server, $name, %opt) = @_;
    my $port = $server->port;
    my ($text, $status) = capture([
        'curl', '-sS', '--noproxy', '*', '--cert-status', '--cacert', $opt{ca},
        $opt{tls} ? ("--tlsv$opt{tls}", '--tls-max', $opt{tls}) : (),
        @{ $opt{args} || [] }, '--resolve', "$name:$port:127.0.0.1",
        "https://$name:$port/"], timeout => $opt{timeout} // 10);

    return wantarray ? ($status, $text) : $status;
}

# ---- many ----

# One file for each list of names, however often it is used.
my ($lists, %list_of);

sub list_of {
    my $text = join '', map { "$_\n" } @_;

    $lists //= Staple::Test::new_dir('names');
    return $list_of{$text} //= Staple::Process::write_file(
        "$lists/" . keys %list_of, $text);
}

sub command {
    my ($server, $names, %opt) = @_;
    my $list = list_of(@$names);
    my $port = $opt{port} // $server->port;

    return (Staple::Test::tool('handshakes'), '--names', $list,
            '--concurrency', $opt{concurrency} // 8,
            '--timeout', $opt{timeout} // 10,
            (map { defined $opt{$_} ? ("--$_", $opt{$_}) : () }
                qw(count tls sigalgs ciphers verify der fill loop pause)),
            (map { $opt{$_} ? "--$_" : () } qw(no-status quiet until-stapled)),
            "127.0.0.1:$port");
}

sub parse_handshakes {
    my ($text) = @_;
    my %result = (rows => [], text => $text);

    for my $line (split /\n/, $text) {
        if ($line =~ s/^# total/total/) {
            $result{$1} = $2 while $line =~ /(\w+)=(\S+)/g;
            next;
        }
        my %row;
        @row{qw(name ok ms length status sha1 why)} = split /\t/, $line;
        $row{ok} = $row{ok} eq 'ok';
        push @{ $result{rows} }, \%row;
    }
    return \%result;
}

# Handshakes with all these names: { total, ok, failed, stapled, seconds,
# p50_ms, p95_ms, p99_ms, max_ms, rows => [{ name, ok, ms, length, status, sha1,
# why }] }.  Options: count, concurrency, tls, verify FILE, der FILE, quiet...
sub handshakes {
    my ($server, $names, %opt) = @_;
    my ($text) = capture([command($server, $names, %opt)],
                         timeout => $opt{within} // 60);

    return parse_handshakes($text);
}

# Until all of them get a staple: the seconds or undef.
sub wait_all_stapled {
    my ($server, $names, %opt) = @_;
    my $began = Time::HiRes::time();

    my $done = wait_until(sub {
        my $result = handshakes($server, $names, quiet => 1, %opt);
        return $result->{stapled} && $result->{stapled} == @$names;
    }, delete $opt{within} // 10);
    return $done ? Time::HiRes::time() - $began : undef;
}

# Handshakes in the background until ->() is called, which returns the result.
sub start_handshakes {
    my ($server, $names, %opt) = @_;
    my $log = Staple::Test::new_dir('loop') . '/out';
    my $pid = spawn([command($server, $names, loop => 0, %opt)], $log);

    return sub {
        kill 'TERM', $pid;
        defined reap($pid, 15) or kill 'KILL', $pid;
        return parse_handshakes(read_file($log) // '');
    };
}

1;

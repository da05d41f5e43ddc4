# Each directive on the second of two hosts that differ in nothing else, by what
# it does there and does not do on the first; and what the dump says of both.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Time::Local qw(timegm);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(capture);
use Staple::Responder;
use Staple::Server;
use Staple::Status;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $other = Staple::Responder->new(pki => $pki);
my ($url, $list) = ($responder->url, $other->url);
my $file_of_root = $pki->ca_file;

# Each directive: what both hosts say, what the first one and the second one say
# as well; how the responder answers; and what is seen of a host, the first's and
# the second's.
# 'ca': both certificates have an intermediate of their own.
my @rows = (
    { what => 'OCSPStaple', lines => 'OCSPStaple Off',
      see => \&is_stapled, want => [1, 0] },
    { what => 'OCSPStapleInterval', lines => 'OCSPStapleInterval 60',
      answer => ['good', next => 864000],
      see => sub { next_in($_[0]) <= 60 ? 'soon' : 'later' },
      want => ['later', 'soon'] },
    { what => 'OCSPStapleTimeout', lines => 'OCSPStapleTimeout 1',
      answer => ['hang'], see => sub { has_failed($_[0], 'did not answer') },
      want => [0, 1] },
    { what => 'OCSPStapleRetryInterval', lines => 'OCSPStapleRetryInterval 1d',
      answer => ['http=404'],
      see => sub { next_in($_[0]) > 80000 ? 'later' : 'soon' },
      want => ['soon', 'later'] },
    { what => 'OCSPStapleMaxTries', lines => 'OCSPStapleMaxTries 1',
      answer => ['http=404'],
      see => sub { next_in($_[0]) > 7200 ? 'later' : 'soon' },
      want => ['soon', 'later'] },
    { what => 'OCSPStapleResponder', lines => "OCSPStapleResponder $list",
      answer => ['http=404'], see => \&is_stapled, want => [0, 1] },
    # No row is beside one with the same list, which it could be given by mistake.
    { what => 'OCSPStapleResponder, another URL',
      first => "OCSPStapleResponder ${url}first/\n",
      lines => "OCSPStapleResponder $list", answer => ['http=404'],
      see => \&asks_other, want => [0, 1] },
    { what => 'OCSPStapleResponder, one URL more',
      both => "OCSPStapleResponder ${url}first/\n",
      lines => "OCSPStapleResponder $list", answer => ['http=404'],
      see => \&asks_other, want => [0, 1] },
    { what => 'OCSPStapleResponderAction',
      both => "OCSPStapleResponder $list\n",
      lines => 'OCSPStapleResponderAction override',
      see => sub { $responder->count(name => $_[0]) }, want => [1, 0] },
    { what => 'OCSPStapleResponder none',
      both => "OCSPStapleResponseFile nothing.der\n",
      lines => 'OCSPStapleResponder none',
      see => sub { $responder->count(name => $_[0]) }, want => [1, 0] },
    { what => 'OCSPStapleMethod', lines => 'OCSPStapleMethod get',
      see => sub { $responder->count(name => $_[0], method => 'GET') },
      want => [0, 1] },
    { what => 'OCSPStapleNonce', lines => 'OCSPStapleNonce On',
      see => sub { $responder->count(name => $_[0], nonce => qr/^[0-9a-f]{32}/i) },
      want => [0, 1] },
    { what => 'OCSPStapleClockSkew', lines => 'OCSPStapleClockSkew 0',
      answer => ['good', this => 250, produced => 250, next => 86400],
      see => \&is_stapled, want => [1, 0] },
    { what => 'OCSPStapleMaxAge', lines => 'OCSPStapleMaxAge 1h',
      answer => ['good', this => -7200, next => 'none'],
      see => \&is_stapled, want => [1, 0] },
    { what => 'OCSPStapleIssuerCheck', ca => 1,
      both => "OCSPStapleChainFile $file_of_root\n",
      lines => 'OCSPStapleIssuerCheck Off',
      see => sub { $responder->count(name => "ca.$_[0]") }, want => [1, 0] },
    { what => 'OCSPStapleChainFile', ca => 1,
      lines => "OCSPStapleChainFile $file_of_root",
      see => sub { $responder->count(name => "ca.$_[0]") }, want => [0, 1] },
    { what => 'OCSPStapleResponseFile', both => "OCSPStapleResponder none\n",
      lines => 'OCSPStapleResponseFile FILE',
      see => \&is_stapled, want => [0, 1] },
    { what => 'OCSPStapleRevokedScore', lines => 'OCSPStapleRevokedScore 1.5',
      answer => ['revoked'],
      see => sub { shown($_[0])->{score} + 0 }, want => [0, 1.5] },
    { what => 'OCSPStapleLogExclude', lines => 'OCSPStapleLogExclude -revoked',
      answer => ['revoked'],
      see => sub { join ',', @{ shown($_[0])->{conditions} || [] } },
      want => ['', 'revoked'] },
);

plan tests => 3 + 3 * @rows;

# ---- what is seen ----

my ($server, $port);

sub is_stapled { return staple($server, $_[0])->{sent} }

sub asks_other { return $other->count(name => $_[0]) }

sub shown {
    my ($name) = @_;
    my ($cert) = grep { $_->{subject} eq "CN=$name" }
        @{ status_json($port)->{certificates} };

    return $cert // {};
}

# Seconds from the end of its last job to the next one.
sub next_in {
    my ($name) = @_;
    my $cert = shown($name);
    my @at = map {
        my @t = ($cert->{$_} // '') =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/;
        @t ? timegm(@t[5, 4, 3, 2], $t[1] - 1, $t[0]) : -1e9;
    } qw(last_attempt next_refresh);

    return $at[1] - $at[0];
}

sub has_failed {
    my ($name, $words) = @_;

    return $server->log_lines(qr/"CN=\Q$name\E".*\Q$words\E/) ? 1 : 0;
}

# ---- the hosts ----

# The first, the second, and the first once more: whichever way the servers are
# gone through, the second comes right behind one that differs in nothing else.
my ($number, @hosts) = (10);

sub host {
    my ($name, $row, $more) = @_;
    my $issuer = 'ca';

    if ($row->{ca}) {
        $issuer = $pki->cert("ca.$name", ca => 1, issuer => 'root',
                             url => $url);
    }
    my $cert = $pki->cert($name, url => $url, issuer => $issuer);
    my ($action, @more) = @{ $row->{answer} // ['good'] };

    $_->set($name, 'good') for $responder, $other;
    $responder->set($name, $action, @more);
    if ($more =~ s/FILE/$pki->{dir}\/$name.der/) {
        capture(['openssl', 'ocsp', '-issuer', $pki->issuer_file('ca'),
                 '-cert', $cert->{leaf}, '-url', $list, '-noverify',
                 '-respout', "$pki->{dir}/$name.der"]);
    }
    push @hosts, { name => $name, certs => [$cert],
                   lines => ($row->{both} // '') . "$more\n" };
    return $name;
}

for my $row (@rows) {
    $row->{names} = [map { "$_$number.example" } 'first', 'second'];
    host($row->{names}[0], $row, $row->{first} // '');
    host($row->{names}[1], $row, $row->{lines});
    host("third$number.example", $row, $row->{first} // '');
    $number++;
}
$_->clear_log for $responder, $other;
$port = Staple::Server->another_port;
$server = Staple::Server->new(
    lines => "OCSPStaple On\nOCSPStapleTimeout 60\n",
    modules => [qw(authz_host status)],
    vhosts => [@hosts, status_vhost($port)])->start;

# ---- and by what each directive does ----

# What is not to be seen has had its time when all jobs are over, but for those
# that wait for a minute.
wait_until(sub {
    return 2 == grep { $_->{state} eq 'pending' }
        @{ status_json($port)->{certificates} };
}, 20, 0.1) or diag('some jobs are not over');

for my $row (@rows) {
    my @see;

    wait_until(sub {
        @see = map { $row->{see}->($_) } @{ $row->{names} };
        return "@see" eq "@{ $row->{want} }";
    }, 10, 0.1);
    is($see[0], $row->{want}[0], "$row->{what}: not on the first host");
    is($see[1], $row->{want}[1], "$row->{what}: on the second");
}
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');

# ---- what is in force is what the dump says ----

my ($text, $status) = $server->configtest('-D', 'DUMP_OCSPSTAPLE');
is($status, 0, 'the dump');
my %dump = $text =~ /^virtual\ host\ (\S+)\ .*?\n((?:\ \ .*\n)*)/mgx;
my @wrong;

for my $row (@rows) {
    my @of = map { +{ ($dump{$_} // '') =~ /^  (OCSPStaple\w*) (.*)/mg } }
                 @{ $row->{names} };
    my ($directive) = $row->{what} =~ /^(\w+)/;
    my @value = map { $_->{$directive} // 'the default' } @of;
    my %either = map { %$_ } @of;
    my $differ = grep { ($of[0]{$_} // '') ne ($of[1]{$_} // '') } keys %either;

    is($differ, 1, "$row->{what}: the dump differs in this alone")
        or diag(map { $dump{$_} } @{ $row->{names} });
    push @wrong, $row->{what} if $value[0] eq $value[1];
}
is("@wrong", '', 'the dump says of each directive what that host says');

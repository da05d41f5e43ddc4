# CRLs in files, DER and PEM: renamed into place and written in place, missing,
# wrong and old ones; and lists that are asked for elsewhere than the
# certificates say.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::CRL;
use Staple::ListServer;
use Staple::PKI;
use Staple::Server;
use Staple::Status;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $lists = Staple::ListServer->new(dir => new_dir('lists'));
my $ca = Staple::CRL->new(pki => $pki, dir => new_dir('ca'));
my $other = Staple::CRL->new(pki => $pki, dir => new_dir('other'),
                             ca => 'other-ca');
my $dir = new_dir('files');

# What is in the file at first, its state, and the reason of the refusal.
my %first = (
    'der' => [$ca->make, 'good'],
    'pem' => [$ca->make(pem => 1), 'good'],
    'missing' => [undef, 'unavailable', 'file_unreadable'],
    'html' => ["<html></html>\n", 'unavailable', 'crl_malformed'],
    'empty' => ['', 'unavailable', 'crl_malformed'],
    'half' => [substr($ca->make, 0, 150), 'unavailable', 'crl_malformed'],
    'issuer' => [$other->make, 'unavailable', 'crl_wrong_issuer'],
    'issuer-pem' => [$other->make(pem => 1), 'unavailable',
                     'crl_wrong_issuer'],
    'over' => [$ca->make(last => -7200, seconds => 3600), 'unavailable',
               'crl_expired'],
    'two' => [$ca->make, 'good'],
);
my @all = sort keys %first;
my @wrong = grep { $first{$_}[2] } @all;

plan tests => 2 * @all + @wrong + 34;

my %cert = map { $_ => $pki->cert("$_.example",
                                  crl => $lists->url("own-$_.crl")) }
           @all, 'url', 'urls';

sub path { return "$dir/$_[0].crl" }

# In place, as an editor or cp does it.
sub rewrite {
    my ($path, $bytes) = @_;

    open my $file, '>:raw', $path or die "$path: $!\n";
    print {$file} $bytes or die "$path: $!\n";
    close $file or die "$path: $!\n";
    return;
}

for my $name (grep { defined $first{$_}[0] } @all) {
    write_file(path($name), $first{$name}[0]);
}
write_file(path('second'), $other->make);
$lists->put('a.crl', $ca->make(seconds => 3600));
# Where the certificates themselves say that it is.
$lists->put("own-$_.crl", $ca->make) for keys %cert;

my %lines = (
    url => 'OCSPStapleCRLURL ' . $lists->url('a.crl'),
    urls => 'OCSPStapleCRLURL ' . $lists->url('none.crl') . ' '
            . $lists->url('a.crl'),
    map { $_ => "OCSPStapleResponder none\nOCSPStapleCRLFile "
                . ($_ eq 'two' ? path('second') . ' ' : '') . path($_) } @all,
);
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => "OCSPStapleIssuerCheck Off\n",
    vhosts => [status_vhost($port),
               map { { name => "$_.example", certs => [$cert{$_}],
                       lines => "OCSPStaple On\n$lines{$_}\n" } }
                   sort keys %cert])->start;

# Waits for a state, with that error or without any; says what it was.
sub has_state {
    my ($name, $state, $error, $what) = @_;
    my $is_so = sub {
        my $row = status_row($_[0], $name);

        return $row->{state} eq $state
               && ($row->{error} // '') eq ($error // '');
    };
    my $json = wait_status($port, sub { $is_so->($_) }, 8)
               // status_json($port);
    my $row = status_row($json, $name);

    return is(join(' ', grep { defined } @$row{qw(state error)}),
              join(' ', grep { defined } $state, $error), "$name: $what");
}

sub is_refused {
    my ($name) = @_;
    my $path = path($name);

    return $server->wait_log(
        qr/:warn\].*OST0149:\ OCSPStapleCRLFile\ \Q$path\E\ is\ not\ used:/x,
        8, since => 1);
}

# ---- at the start ----

has_state($_, @{ $first{$_} }[1, 2], 'at the start') for @all;
ok(is_refused($_), "$_: the log says why it is not used") for @wrong;
for my $name (qw(url urls)) {
    has_state($name, 'good', undef, 'by a list that is somewhere else');
}
my ($failing) = $server->log_lines(qr/OST0077:.*html\.example/);
like($failing, qr/gets no fresh CRL/, 'html: it is a CRL that is missing');
unlike($failing, qr/OCSP response/, 'html: and no OCSP response');
is(join("\n", $server->log_lines(qr/OST007[478]:.*two\.example/)), '',
   'two: that the first list is of another CA is no failure');
ok($lists->count('a.crl'), 'OCSPStapleCRLURL is asked');
ok($lists->count('none.crl'), 'each in turn');

# ---- a revocation ----

$ca->revoke($cert{$_}, 'superseded') for @all;

# What was there is renamed into place, written in place, or changes its form.
my %put = (der => \&write_file, pem => \&rewrite, two => \&rewrite);
my %pem = (pem => 1, half => 1, 'issuer-pem' => 1);

for my $name (@all) {
    ($put{$name} // \&write_file)->(
        path($name), $ca->make(pem => $pem{$name}));
}
has_state($_, 'revoked', undef, 'a right list is noticed') for @all;
is(status_row(status_json($port), 'pem')->{revocation_reason}, 'superseded',
   'with the reason');

# ---- what follows ----

# Each is put in place of a list by which the certificate is revoked.
my %next = (der => [$first{der}[0], 'crl_older'],
            pem => [$first{pem}[0], 'crl_older'],
            html => ["\x30\x82", 'crl_malformed'],
            issuer => [$other->make, 'crl_wrong_issuer'],
            missing => [undef, 'file_unreadable']);

$server->mark;
for my $name (sort keys %next) {
    if (defined $next{$name}[0]) {
        write_file(path($name), $next{$name}[0]);
    }
    else {
        unlink path($name) or die $!;
    }
}
for my $name (sort keys %next) {
    has_state($name, 'revoked', $next{$name}[1], 'a wrong one is not used');
    ok(is_refused($name), "$name: the log says so");
}

# ---- the form changes, and a revocation is taken back ----

$ca->unrevoke($cert{$_}) for @all;
write_file(path('der'), $ca->make(pem => 1));
rewrite(path('pem'), $ca->make);
rewrite(path('issuer'), $ca->make);
write_file(path('missing'), $ca->make);
has_state($_, 'good', undef, 'a newer list takes the revocation back')
    for qw(der pem issuer missing);
has_state('half', 'revoked', undef, 'others are as they were');

# ---- restarts ----

for my $how (qw(graceful restart)) {
    $server->$how;
    has_state('der', 'good', undef, "as it was after $how");
    has_state('half', 'revoked', undef, "as it was after $how");
}
my @asked = map { $_->{path} } $lists->requests;
is(join(' ', grep { /^own/ } @asked), '',
   'nobody asked where the certificates say');
is($lists->count('a.crl', status => 200), 1,
   'and once, for all, where the configuration does');

# ---- without a store ----

$server->stop;
$server->reconfigure(lines => "OCSPStapleIssuerCheck Off\n"
                              . "OCSPStapleStore none\n");
$server->mark->start;
has_state('der', 'good', undef, 'without a store');
has_state('half', 'revoked', undef, 'without a store');
ok(is_refused('html'), 'html: the log says so, once more');
$ca->revoke($cert{der}, 'keyCompromise');
rewrite(path('der'), $ca->make);
has_state('der', 'revoked', undef, 'without a store, too');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');

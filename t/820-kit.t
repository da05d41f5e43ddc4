# docs/kit beside a real httpd: its metrics are there, its commands run, its
# unit fetches, its container's configuration is one.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use JSON::PP ();
use Staple::Test;
use Staple::Client;
use Staple::Docs;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

my $kit = "$ENV{top_srcdir}/docs/kit";
my $tool = top_builddir() . '/ocspstaple';
my $dir = new_dir('kit');
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('www.example.org', url => $responder->url);
my $other = $pki->cert('dead.example', url => $responder->url('/dead'));
my $listed = $pki->cert('listed.example', crl => $responder->url('/dead.crl'));

# ---- what is asked of the metrics ----

my $board = JSON::PP->new->decode(read_file("$kit/grafana/ocspstaple.json"));
my @queries = map { $_->{expr} }
              map { @{ $_->{targets} } } @{ $board->{panels} };
push @queries, map { $_->{query}{query} // () }
               grep { ref $_->{query} } @{ $board->{templating}{list} };
push @queries, read_file("$kit/prometheus/ocspstaple.rules.yml")
               =~ /^ *expr: (.*)/mg;

# metric => { label => 1 }, of all queries; instance and job are Prometheus's.
my %asked;
for my $query (@queries) {
    my @by = map { split /,\s*/ } $query =~ /\bby \(([^)]*)\)/g;

    while ($query =~ /\b(ocspstaple_[a-z_]+)(?:\{([^}]*)\})?/g) {
        my ($metric, $labels) = ($1, $2 // '');

        $asked{$metric} //= {};
        $asked{$metric}{$_} = 1
            for grep { !/^(?:instance|job)$/ }
                $labels =~ /([a-z_]+)[=!]/g, @by;
    }
}

# ---- commands of Nagios ----

my %command = map { /command_name\s+(\S+).*?command_line\s+(.*?)\n/s ? ($1, $2) : () }
    read_file("$kit/nagios/ocspstaple.cfg") =~ /^define command \{(.*?)^\}/msg;

# The command as Nagios runs it: by a shell, its macros replaced.
sub run_command {
    my ($name, %macro) = @_;
    my $line = $command{$name} // 'false';

    $line =~ s{/usr/bin/ocspstaple}{$tool};
    $line =~ s/\$(\w+)\$/$macro{$1} \/\/ ''/ge;
    return capture(['sh', '-c', $line], timeout => 60);
}

plan tests => 2 * keys(%asked) + 25;

# ---- a server ----

my $port = Staple::Server->another_port;
$responder->set('*', 'http=500', path => '/dead');
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    vhosts => [status_vhost($port),
               Staple::Server->stapled($cert, $other, $listed)])->start;
ok(wait_all_stapled($server, ['www.example.org']), 'it staples');
ok(wait_status($port, sub { $_->{totals}{failures} > 0
                            && @{ $_->{responders} } }), 'a responder failed');

my (undef, undef, $text) = status_get($port, '/?format=prometheus');
my %value = %{ status_metrics($text) };
for my $metric (sort keys %asked) {
    my @series = grep { /^\Q$metric\E(?:\{|$)/ } keys %value;

    cmp_ok(scalar @series, '>', 0, "$metric is there");
    is(join(' ', grep { my $label = $_; !grep { /[{,]$label="/ } @series }
                      sort keys %{ $asked{$metric} }),
       '', "$metric has the labels that are asked for");
}

my @at = (ARG1 => 'www.example.org', HOSTADDRESS => '127.0.0.1:'
          . $server->port, ARG2 => '--ca ' . $pki->ca_file);
is(join(' ', sort keys %command),
   'check_ocsp_staple check_ocsp_staple_at check_ocsp_status',
   'the commands of Nagios');
my $status;
($text, $status) = run_command('check_ocsp_staple_at', @at);
is($status, 0, 'check_ocsp_staple_at: ok') or diag($text);
like($text, qr/\AOCSP OK: www\.example\.org:443: good, .* \| left=\d+s;/,
     'check_ocsp_staple_at: says so');
($text, $status) = run_command(
    'check_ocsp_staple', @at,
    ARG2 => '--ca ' . $pki->ca_file . ' --connect 127.0.0.1:' . $server->port);
is($status, 0, 'check_ocsp_staple: ok') or diag($text);
($text, $status) = run_command('check_ocsp_status',
                               ARG1 => "http://127.0.0.1:$port/");
is($status, 1, 'check_ocsp_status: a responder is of no use') or diag($text);
like($text, qr/\AOCSP WARNING: .*dead .* \| certificates=3;;;0 .*\n\z/,
     'check_ocsp_status: one line');

# ---- the unit of systemd ----

my $unit = read_file("$kit/systemd/ocspstaple-fetch.service");
my ($exec) = $unit =~ /^ExecStart=(.*)$/m;
my ($post) = $unit =~ /^ExecStopPost=\+-(.*)$/m;
mkdir "$dir/$_" or die "$dir/$_: $!\n" for qw(etc var);
symlink $cert->{chain}, "$dir/etc/www.example.org.pem" or die $!;
my $fetched = write_file("$dir/etc/fetched",
                         "#!/bin/sh\necho \"\$1\" >>$dir/told\n");

# systemd splits as a shell does, but expands nothing that is here.
sub run_unit {
    my ($line) = @_;

    $line =~ s{/usr/bin/ocspstaple}{$tool};
    $line =~ s{/etc/ocspstaple}{$dir/etc}g;
    $line =~ s{/var/lib/ocspstaple}{$dir/var}g;
    $line =~ s{\z}{ --force} if $line =~ / fetch /;
    return (capture(['sh', '-c', "exec $line"], timeout => 60))[1];
}

is(run_unit($exec), 0, 'the unit: it fetches');
my $der = "$dir/var/www.example.org.pem.ocsp";
is((capture([$tool, 'verify', '--chain', $cert->{chain}, '--response',
             $der]))[1], 0, 'the unit: what verifies');
ok((stat $der)[2] & 4, 'the unit: that others may read');
is(run_unit($post), 0, 'the unit: nobody is told where there is no program');
ok(!-e "$dir/told", '... indeed');
chmod 0755, $fetched or die $!;
is(run_unit($post), 0, 'the unit: a program is told');
is(read_file("$dir/told"), "$dir/var\n", '... where the files are');
$responder->set('*', 'unknown', path => '/');
my $before = read_file($der);
is(run_unit($exec), 11, 'the unit: unknown is an error');
is(read_file($der), $before, '... and takes nothing away');
$responder->set('*', 'revoked', path => '/');
is(run_unit($exec), 10, 'the unit: and so is revoked');
my ($not_again) = $unit =~ /^RestartPreventExitStatus=(.*)$/m;
is($not_again, '2 10', 'which is not tried again and again');
my ($timer) = read_file("$kit/systemd/ocspstaple-fetch.timer")
    =~ /^OnCalendar=(.*)$/m;
SKIP: {
    skip 'no systemd-analyze', 1 if !have_tool('systemd-analyze');
    is((capture(['systemd-analyze', 'calendar', $timer]))[1], 0,
       'the timer: systemd knows its times');
}

# ---- the container ----

my $health = Staple::Server->another_port;
my $tls = Staple::Server->another_port;
my $combined = Staple::Docs::combined($server, $cert);
$responder->set('*', 'good', path => '/');
$server->stop;
my $site = read_file("$kit/container/site.conf");
for ($site) {
    s{^OCSPStapleEventLog .*}{OCSPStapleEventLog $dir/var/events}m;
    s{/dev/stderr}{error.log};
    s{/certs/\w+\.pem}{$combined}g;
    s{/var/www/html}{$server->root . '/htdocs'}ge;
    s{^Listen 127\.0\.0\.1:8080}{Listen 127.0.0.1:$health}m;
    s{127\.0\.0\.1:8080}{127.0.0.1:$health}g;
    s{\*:443}{127.0.0.1:$tls};
}
# What mods-enabled/ocspstaple.conf and ports.conf say.
$server->reconfigure(vhosts => [], lines =>
    "Listen 127.0.0.1:$tls\nOCSPStaple On\n$site");
($text, $status) = $server->configtest;
is($status, 0, 'the container: httpd takes the configuration') or diag($text);
$server->start;
my ($check) = read_file("$kit/container/Containerfile")
    =~ /^ *CMD (ocspstaple status .*)$/m;
$check =~ s/^ocspstaple/$tool/;
$check =~ s/127\.0\.0\.1:8080/127.0.0.1:$health/;
ok(wait_until(sub { (capture(['sh', '-c', $check]))[1] eq '0' }, 20),
   'the container: the health check is content');
($text) = capture(['sh', '-c', $check]);
like($text, qr/\AOCSP OK: /, 'the container: and says so');
ok(wait_staple($server, 'www.example.org', port => $tls)->{sent},
   'the container: it staples');
$server->stop;
isnt((capture(['sh', '-c', $check]))[1], '0',
     'the container: without httpd it is not healthy');

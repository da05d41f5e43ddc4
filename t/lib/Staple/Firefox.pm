package Staple::Firefox;

# Firefox without a window, in a profile of its own, told what to load by its
# remote protocol (Marionette: length, colon, JSON; no program but Firefox).

use strict;
use warnings;

use IO::Socket::INET ();
use JSON::PP ();

use Staple::Process qw(capture find_program free_port reap scale spawn
                       wait_until write_file);
use Staple::Test ();

# Why there is none, or ''.
sub missing {
    for my $tool (qw(firefox-esr certutil)) {
        return "$tool is not installed: build/test --all installs it"
            if !find_program($tool);
    }
    return '';
}

# What a test relies on, whatever the defaults of that version are: certificates
# that ask for a staple need one, staples are asked for and judged.  The
# browser itself asks no responder; names are this machine's, and nothing is fetched
# from elsewhere.
sub preferences {
    my ($self, @names) = @_;

    return (
        'security.ssl.enable_ocsp_must_staple' => 'true',
        'security.ssl.enable_ocsp_stapling' => 'true',
        'security.OCSP.enabled' => 0,
        'security.OCSP.require' => 'false',
        'network.dns.localDomains' => '"' . join(',', @names) . '"',
        'network.dns.disableIPv6' => 'true',
        'network.proxy.type' => 0,
        'marionette.port' => $self->{port},
        'app.normandy.enabled' => 'false',
        'app.update.enabled' => 'false',
        'browser.safebrowsing.downloads.remote.enabled' => 'false',
        'browser.safebrowsing.malware.enabled' => 'false',
        'browser.safebrowsing.phishing.enabled' => 'false',
        'browser.shell.checkDefaultBrowser' => 'false',
        'datareporting.policy.dataSubmissionEnabled' => 'false',
        'extensions.update.enabled' => 'false',
        'network.captive-portal-service.enabled' => 'false',
        'network.connectivity-service.enabled' => 'false',
        'services.settings.server' => '"data:,#remote-settings-dummy/v1"',
        'toolkit.telemetry.enabled' => 'false',
    );
}

#   my $firefox = Staple::Firefox->new(pki => $pki, names => [...]);
#   $firefox->version, $firefox->load("https://$name:$port/")
#
# It trusts the root of the CA.
sub new {
    my ($class, %opt) = @_;
    my $dir = Staple::Test::new_dir('firefox');
    my $self = bless { %opt, dir => $dir, port => free_port() }, $class;
    my $profile = "$dir/profile";
    my %wanted = $self->preferences(@{ $opt{names} });

    mkdir $profile or die "$profile: $!\n";
    write_file("$profile/user.js", join '', map {
        qq{user_pref("$_", $wanted{$_});\n} } sort keys %wanted);
    for my $arguments (['-N', '--empty-password'],
                       ['-A', '-n', 'test', '-t', 'C,,', '-i',
                        $opt{pki}->ca_file]) {
        my ($text, $status) = capture([find_program('certutil'), '-d',
                                       "sql:$profile", @$arguments]);
        die "certutil: $text\n" if $status != 0;
    }
    $self->{pid} = spawn([find_program('firefox-esr'), '--headless',
                          '--marionette', '--no-remote', '--profile', $profile],
                         "$dir/firefox.log",
                         env => { HOME => $dir,
                                  MOZ_CRASHREPORTER_DISABLE => 1 });
    $self->{socket} = wait_until(sub {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                              PeerPort => $self->{port}) }, 60, 0.2)
        or die "Firefox does not start: $dir/firefox.log\n";
    $self->answer;
    my $session = $self->tell('WebDriver:NewSession', {});
    $self->{version} = $session->{capabilities}{browserVersion};
    $self->tell('WebDriver:SetTimeouts', { pageLoad => scale(30) * 1000 });
    return $self;
}

sub version { return $_[0]{version} }

# The next message.
sub answer {
    my ($self) = @_;
    my ($length, $text) = ('', '');

    while (read($self->{socket}, $text, 1) && $text ne ':') {
        $length .= $text;
    }
    read $self->{socket}, $text, $length or die "Firefox is gone\n";
    return JSON::PP::decode_json($text);
}

# What became of a command, and the error, if it failed.
sub tell {
    my ($self, $command, $parameters) = @_;

    my $text = JSON::PP::encode_json([0, ++$self->{id}, $command, $parameters]);
    $self->{socket}->print(length($text), ':', $text);
    $self->{socket}->flush;
    my (undef, undef, $error, $result) = @{ $self->answer };
    return wantarray ? ($result, $error) : $result;
}

# What the page said, or the name of the error for which there was none.
sub load {
    my ($self, $url) = @_;
    my (undef, $error) = $self->tell('WebDriver:Navigate', { url => $url });
    my $script = $error ? <<'END' : 'return document.body.textContent;';
let info = null;
try { info = document.getFailedCertSecurityInfo(); } catch (e) { }
try { info ||= document.getNetErrorInfo(); } catch (e) { }
return (info && info.errorCodeString) || document.documentURI;
END
    my ($result, $failure) = $self->tell('WebDriver:ExecuteScript',
                                         { script => $script, args => [],
                                           sandbox => 'system' });

    return $failure ? "$failure->{error}: $failure->{message}"
                    : $result->{value};
}

sub DESTROY {
    my ($self) = @_;

    return if !$self->{pid};
    local $?;
    # It is a group of processes of its own.
    for my $signal (qw(TERM KILL)) {
        kill $signal, -$self->{pid};
        last if defined reap($self->{pid}, 10);
    }
}

1;

namespace Holdfast.Tests.Faults;

public class TlsTests
{
    [Fact]
    public async Task a_client_that_trusts_the_servers_authority_is_served_over_tls()
    {
        using var certificates = new Certificates();
        using ServeProcess node = Serve(certificates, "127.0.0.1");
        await using HoldfastClient client = ClientOf(node, options => options.TlsCa = certificates.Authority);
        await client.PutAsync("k", new byte[300_000]);
        Assert.Equal(300_000, client.Get<byte[]>("k")!.Length);
        await using HoldfastClient text = await HoldfastClient.ConnectAsync($"holdfasts://{node.Address}/tests?tls-ca={Uri.EscapeDataString(certificates.Authority)}");
        Assert.True(text.Exists("k"));
    }

    [Fact]
    public async Task a_server_whose_certificate_is_for_another_name_is_refused_unless_that_name_is_expected()
    {
        using var certificates = new Certificates();
        using ServeProcess node = Serve(certificates, "node1.example");
        await using HoldfastClient client = ClientOf(node, options => options.TlsCa = certificates.Authority);
        HoldfastException error = await RefusedAsync(client);
        Assert.Contains("certificate", error.Message, StringComparison.OrdinalIgnoreCase);
        await using HoldfastClient expecting = ClientOf(node, options =>
        {
            options.TlsCa = certificates.Authority;
            options.TlsServerName = "node1.example";
            options.Timeout = TimeSpan.FromSeconds(30);
        });
        expecting.Put("k", 1);
    }

    [Fact]
    public async Task a_server_of_an_authority_that_is_not_trusted_is_refused()
    {
        using var certificates = new Certificates();
        using var others = new Certificates();
        using ServeProcess node = Serve(certificates, "127.0.0.1");
        await using HoldfastClient client = ClientOf(node, options => options.TlsCa = others.Authority);
        await RefusedAsync(client);
        await using HoldfastClient trustingSystem = ClientOf(node, static _ => { });
        await RefusedAsync(trustingSystem);
    }

    [Fact]
    public async Task a_server_that_asks_for_client_certificates_serves_only_who_has_one_of_its_authority()
    {
        using var certificates = new Certificates();
        using var others = new Certificates();
        using ServeProcess node = Serve(certificates, "127.0.0.1", "--tls-client-ca", certificates.Authority);
        (string certificate, string key) = certificates.Sign("client");
        await using HoldfastClient known = ClientOf(node, options =>
            (options.TlsCa, options.TlsCertificate, options.TlsKey, options.Timeout) = (certificates.Authority, certificate, key, TimeSpan.FromSeconds(30)));
        known.Put("k", 1);
        await using HoldfastClient anonymous = ClientOf(node, options => options.TlsCa = certificates.Authority);
        await RefusedAsync(anonymous);
        (string foreign, string foreignKey) = others.Sign("client");
        await using HoldfastClient stranger = ClientOf(node, options =>
            (options.TlsCa, options.TlsCertificate, options.TlsKey) = (certificates.Authority, foreign, foreignKey));
        await RefusedAsync(stranger);
    }

    [Fact]
    public async Task a_client_without_tls_is_not_served_by_a_server_with_it()
    {
        using var certificates = new Certificates();
        using ServeProcess node = Serve(certificates, "127.0.0.1");
        await using HoldfastClient client = Nodes.ClientOf(node, static options => options.Timeout = TimeSpan.FromSeconds(3));
        await RefusedAsync(client);
    }

    private static ServeProcess Serve(Certificates certificates, string name, params string[] arguments)
    {
        (string certificate, string key) = certificates.Sign(name);
        return ServeProcess.Start(["--tls-certificate", certificate, "--tls-key", key, .. arguments]);
    }

    private static HoldfastClient ClientOf(ServeProcess node, Action<HoldfastClientOptions> configure) =>
        Nodes.ClientOf(node, options =>
        {
            options.ConnectionString = $"holdfasts://{node.Address}/tests";
            options.Timeout = TimeSpan.FromSeconds(3);
            configure(options);
        });

    private static async Task<HoldfastException> RefusedAsync(HoldfastClient client)
    {
        HoldfastException error = await Nodes.FailsWithinAsync<HoldfastException>(TimeSpan.FromSeconds(3), async () => await client.GetAsync<int>("k"));
        Assert.Contains(error.Code, (HoldfastErrorCode[])[HoldfastErrorCode.Unavailable, HoldfastErrorCode.Unauthenticated]);
        return error;
    }
}

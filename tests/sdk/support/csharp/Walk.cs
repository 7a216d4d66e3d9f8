using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading.Tasks;
using Graft.Sdk;
using Graft.Sdk.Runtime;

/// <summary>What a user of the C# SDK does; prints what the test looks for.</summary>
public static class Walk
{
    private static int checks;

    public static int Main(string[] args)
    {
        using (var client = new GraftClient(args[0], args[1], args[2]))
        {
            if (args[3] == "corpus")
            {
                Corpus(client);
            }
            else
            {
                Calls(client);
                Failures(client, args[0], args[1], args[2]);
                Tasks(client);
                Sessions(client, args[0], args[1], args[2]);
                Async(client).Wait();
                Console.WriteLine(checks + " checks");
            }
        }
        return 0;
    }

    private static void Corpus(GraftClient client)
    {
        Stream output = Console.OpenStandardOutput();
        string line;
        while ((line = Console.In.ReadLine()) != null)
        {
            Everything sent = Everything.Codec_.Decode(Json.Read(Encoding.UTF8.GetBytes(line)));
            Everything got = client.Echo.Everything(sent);
            byte[] written = Json.Write(Everything.Codec_.Encode(got));
            output.Write(written, 0, written.Length);
            output.WriteByte((byte)'\n');
        }
        output.Flush();
    }

    private static void Calls(GraftClient client)
    {
        EchoMethods echo = client.Echo;
        Is("h\u00e9llo", echo.String("h\u00e9llo"));
        Is(long.MinValue, echo.Int(long.MinValue));
        Is(double.NaN, echo.Float(double.NaN));
        Is("a,", string.Join(",", echo.Strings(new List<string> { "a", "" })));
        Is(null, echo.Maybe());
        Is(5L, echo.Maybe(5L));
        Is(1, echo.MaybeMaybe(new List<long?> { null }).Count);
        Is(0, echo.MaybeMaybe(new List<long?>()).Count);
        Is(1.5, echo.Anything(1.5));
        echo.Nothing();
        Colour unknown = echo.Colour(new Colour("ultraviolet"));
        Is(false, unknown.IsKnown);
        Is("ultraviolet", unknown.ToString());
        Is(Colour.DeepBlue, echo.Colour(Colour.DeepBlue));
        Is(true, new Colour("red") == Colour.Red && Colour.Red.IsKnown);
        var time = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.FromHours(2));
        Is(time.UtcTicks, echo.Datetime(time).Time.UtcTicks);
        Is("2026-01-02T03:04:05.123456789Z", echo.Datetime(Moment.Parse("2026-01-02T03:04:05.123456789Z")).ToString());
        Is("a|7|three", echo.Defaults("a"));
        Is("a|8|3|True", echo.Defaults("a", 8, "3", fourth: true));
        Is("direct", client.Call("Echo.string", "direct"));
        Is("here", new Point { X = 1, Y = 2 }.Label);
        Is(6L, echo.KeepSecret("secret"));
    }

    private static void Failures(GraftClient client, string url, string user, string password)
    {
        EchoMethods echo = client.Echo;
        var parameters = new List<string> { "v", "g" };
        VolumeInUseException inUse = Fails<VolumeInUseException>(() => echo.Fail("VOLUME_IN_USE", parameters));
        Is("v", inUse.Volume);
        Is("g", inUse.Guest);
        ApiException other = Fails<ApiException>(() => echo.Fail("ELSE", new List<string>()));
        Is("ELSE", other.Code);
        Is(typeof(ApiException), other.GetType());
        FieldTypeErrorException wrong = Fails<FieldTypeErrorException>(() => client.Call("Echo.int", true));
        Is("value", wrong.Place);
        Is("int", wrong.Expected);
        Is(400, wrong.Status);
        Fails<AuthenticationFailedException>(() =>
        {
            using (var stranger = new GraftClient(url, user, "wrong"))
            {
                stranger.Login();
            }
        });
        Fails<SessionInvalidException>(() =>
        {
            using (var none = new GraftClient(new ClientOptions { Url = url, Session = "OpaqueRef:none" }))
            {
                none.Echo.Nothing();
            }
        });
        Fails<TransportException>(() =>
        {
            using (var nobody = new GraftClient("http://127.0.0.1:9", user, password))
            {
                nobody.Login();
            }
        });
    }

    private static void Tasks(GraftClient client)
    {
        EchoMethods echo = client.Echo;
        RemoteTask<string> task = echo.StartString("from a task");
        Is("from a task", task.Wait());
        Is(RemoteTaskStatus.Success, task.Info().Status);
        Is("Async.Echo.string", task.Info().Name);
        task.Destroy();
        Fails<VolumeInUseException>(() => echo.StartFail("VOLUME_IN_USE", new List<string> { "v", "g" }).Wait());
        RemoteTask<string> slow = echo.StartSleep(60);
        Fails<TimeoutException>(() => slow.Wait(TimeSpan.FromMilliseconds(200)));
        slow.Cancel();
        Fails<TaskCancelledException>(() => slow.Wait());
    }

    private static void Sessions(GraftClient client, string url, string user, string password)
    {
        string first = client.Login();
        using (var guest = new GraftClient(new ClientOptions { Url = url, Session = first }))
        {
            Is("by reference", guest.Echo.String("by reference"));
        }
        Is("still open", client.Echo.String("still open"));
        client.Session.Logout();
        Is("logged in anew", client.Echo.String("logged in anew"));
        Is(false, client.Login() == first);
        Is(false, client.ToString().Contains(password));
    }

    private static async Task Async(GraftClient client)
    {
        long[] found = await Task.WhenAll(Enumerable.Range(0, 20).Select(number => client.Echo.IntAsync(number)));
        Is(190L, found.Sum());
        await client.Echo.NothingAsync();
        RemoteTask<string> task = await client.Echo.StartStringAsync("later");
        Is("later", await task.WaitAsync());
        var cancelled = new System.Threading.CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        try
        {
            await client.Echo.SleepAsync(30, cancelled.Token);
            throw new InvalidOperationException("it was not cancelled");
        }
        catch (OperationCanceledException)
        {
            checks++;
        }
    }

    private static void Is(object expected, object got)
    {
        if (!Equals(expected, got))
        {
            throw new InvalidOperationException("expected " + expected + ", got " + got);
        }
        checks++;
    }

    private static E Fails<E>(Action call)
        where E : Exception
    {
        try
        {
            call();
        }
        catch (E error)
        {
            checks++;
            return error;
        }
        throw new InvalidOperationException("it has not failed with " + typeof(E));
    }
}

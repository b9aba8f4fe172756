import ca.uhn.fhir.batch2.jobs.config.Batch2JobsConfig;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.config.ThreadPoolFactoryConfig;
import ca.uhn.fhir.jpa.api.dao.DaoRegistry;
import ca.uhn.fhir.jpa.batch2.JpaBatch2Config;
import ca.uhn.fhir.jpa.config.HapiJpaConfig;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.r5.JpaR5Config;
import ca.uhn.fhir.jpa.config.util.HapiEntityManagerFactoryUtil;
import ca.uhn.fhir.jpa.model.config.PartitionSettings;
import ca.uhn.fhir.jpa.model.config.SubscriptionSettings;
import ca.uhn.fhir.jpa.model.dialect.HapiFhirH2Dialect;
import ca.uhn.fhir.jpa.provider.IJpaSystemProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.subscription.channel.config.SubscriptionChannelConfig;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.server.IncomingRequestAddressStrategy;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.interceptor.SearchPreferHandlingInterceptor;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import jakarta.persistence.EntityManagerFactory;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.h2.jdbcx.JdbcConnectionPool;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;

/**
 * A HAPI FHIR JPA server: `HapiServer PORT R4|R5 [FOLDER]`, below `/fhir`. Its data is in
 * memory; or in a folder, and then each reference needs its target, as in a hospital.
 */
public final class HapiServer {
    private static final Map<String, Class<?>> VERSIONS =
            Map.of("R4", JpaR4Config.class, "R5", JpaR5Config.class);

    private static Optional<String> folder = Optional.empty();

    public static void main(String[] arguments) throws Exception {
        folder = Stream.of(arguments).skip(2).findFirst();
        var beans = new AnnotationConfigApplicationContext();
        beans.register(VERSIONS.get(arguments[1]), Settings.class);
        beans.refresh();
        var address = new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0]));
        var server = new Server(address);
        var handler = new ServletContextHandler();
        handler.addServlet(new ServletHolder(servlet(beans)), "/fhir/*");
        server.setHandler(handler);
        server.start();
        System.out.println("started");
        server.join();
    }

    private static RestfulServer servlet(AnnotationConfigApplicationContext beans) {
        var servlet = new RestfulServer(beans.getBean(FhirContext.class));
        servlet.registerProviders(beans.getBean(ResourceProviderFactory.class).createProviders());
        servlet.registerProvider(beans.getBean(IJpaSystemProvider.class));
        var pages = beans.getBean(DatabaseBackedPagingProvider.class);
        pages.setMaximumPageSize(1000);
        servlet.setPagingProvider(pages);
        servlet.setServerAddressStrategy(new IncomingRequestAddressStrategy());
        servlet.setDefaultResponseEncoding(EncodingEnum.JSON);
        servlet.registerInterceptor(
                new SearchPreferHandlingInterceptor(beans.getBean(ISearchParamRegistry.class)));
        return servlet;
    }

    /** Everything that a client may search is searched; no reference needs its target. */
    @Configuration
    @Import({
        HapiJpaConfig.class,
        JpaBatch2Config.class,
        SubscriptionChannelConfig.class,
        Batch2JobsConfig.class,
        ThreadPoolFactoryConfig.class
    })
    public static class Settings {
        @Bean
        public JpaStorageSettings storageSettings() {
            var settings = new JpaStorageSettings();
            settings.setAllowContainsSearches(true);
            settings.setAllowExternalReferences(true);
            settings.setEnforceReferentialIntegrityOnWrite(folder.isPresent());
            settings.setAutoCreatePlaceholderReferenceTargets(false);
            settings.setResourceClientIdStrategy(JpaStorageSettings.ClientIdStrategyEnum.ANY);
            settings.setIndexMissingFields(JpaStorageSettings.IndexEnabledEnum.ENABLED);
            settings.setIndexIdentifierOfType(true);
            settings.setIndexOnContainedResources(false);
            settings.setDefaultSearchParamsCanBeOverridden(true);
            settings.setReuseCachedSearchResultsForMillis(null);
            return settings;
        }

        @Bean
        public PartitionSettings partitionSettings() {
            return new PartitionSettings();
        }

        @Bean
        public SubscriptionSettings subscriptionSettings() {
            return new SubscriptionSettings();
        }

        @Bean
        public DataSource dataSource() {
            var place = folder.map(each -> "file:" + each + "/hapi;WRITE_DELAY=0");
            var url = "jdbc:h2:" + place.orElse("mem:hapi") + ";DB_CLOSE_DELAY=-1";
            var pool = JdbcConnectionPool.create(url, "", "");
            pool.setMaxConnections(20);
            return pool;
        }

        @Bean
        public LocalContainerEntityManagerFactoryBean entityManagerFactory(
                ConfigurableListableBeanFactory beans,
                FhirContext context,
                JpaStorageSettings settings,
                DataSource dataSource) {
            var factory =
                    HapiEntityManagerFactoryUtil.newEntityManagerFactory(beans, context, settings);
            factory.setPersistenceUnitName("HAPI_PU");
            factory.setDataSource(dataSource);
            var properties = new Properties();
            properties.put("hibernate.dialect", HapiFhirH2Dialect.class.getName());
            properties.put("hibernate.hbm2ddl.auto", folder.isPresent() ? "update" : "create");
            properties.put("hibernate.search.enabled", "false");
            factory.setJpaProperties(properties);
            return factory;
        }

        @Bean
        public JpaTransactionManager transactionManager(EntityManagerFactory factory) {
            return new JpaTransactionManager(factory);
        }
    }
}
